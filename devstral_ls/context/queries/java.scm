; Java.

(class_declaration name: (identifier) @name superclass: (superclass)? @bases body: (class_body) @body) @class
(interface_declaration name: (identifier) @name (extends_interfaces)? @bases body: (interface_body) @body) @class
(enum_declaration name: (identifier) @name body: (enum_body) @body) @class
(record_declaration name: (identifier) @name body: (class_body) @body) @class
(method_declaration name: (identifier) @name body: (block) @body) @function
(method_declaration name: (identifier) @name !body) @function
(constructor_declaration name: (identifier) @name body: (constructor_body) @body) @function
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @field
(enum_constant name: (identifier) @name) @field

(import_declaration (scoped_identifier scope: (_) @module name: (identifier) @name)) @import
