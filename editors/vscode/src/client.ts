/** The language client, bundled into a file of its own: it is large, and nothing needs it before there is a server. */
export { LanguageClient, State } from "vscode-languageclient/node";
