; Ruby.

(class name: (_) @name superclass: (superclass)? @bases body: (body_statement) @body) @class
(module name: (_) @name body: (body_statement) @body) @class
(method name: (_) @name body: (_) @body) @function
(method name: (_) @name !body) @function
(singleton_method name: (_) @name body: (_) @body) @function
(assignment left: (constant) @name) @variable

(call method: (identifier) @keyword arguments: (argument_list (string (string_content) @module))
  (#match? @keyword "^require")) @import
