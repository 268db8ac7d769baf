; C#.

(class_declaration name: (identifier) @name (base_list)? @bases body: (declaration_list) @body) @class
(struct_declaration name: (identifier) @name (base_list)? @bases body: (declaration_list) @body) @class
(interface_declaration name: (identifier) @name (base_list)? @bases body: (declaration_list) @body) @class
(record_declaration name: (identifier) @name (base_list)? @bases) @class
(enum_declaration name: (identifier) @name body: (enum_member_declaration_list) @body) @class
(method_declaration name: (identifier) @name body: (_) @body) @function
(method_declaration name: (identifier) @name !body) @function
(constructor_declaration name: (identifier) @name body: (_) @body) @function
(property_declaration name: (identifier) @name accessors: (accessor_list) @body) @function
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @field
(enum_member_declaration name: (identifier) @name) @field

(using_directive (_) @module) @import
