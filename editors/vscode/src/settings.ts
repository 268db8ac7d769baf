/** The user's settings, in the shape that the server reads. */
import * as vscode from "vscode";

const SECTION = "devstral";
const DISABLED_LANGUAGES = "disabled_languages";

export function serverPath(): string {
  return vscode.workspace.getConfiguration(SECTION).get<string>("server.path", "").trim();
}

export function pythonPath(): string {
  return vscode.workspace.getConfiguration(SECTION).get<string>("server.python", "").trim();
}

/** The model that the server uses; empty where that is the default. */
export function model(): string {
  return vscode.workspace.getConfiguration(SECTION).get<string>("model", "").trim();
}

/** Whether suggestions are wanted in a language. */
export function isEnabled(languageId: string): boolean {
  return !disabledLanguages().includes(languageId);
}

/** Show suggestions in a language, or stop showing them, for all of the user's files. */
export async function toggle(languageId: string): Promise<void> {
  const others = disabledLanguages().filter((each) => each !== languageId);
  const value = isEnabled(languageId) ? [...others, languageId] : others;
  const target = vscode.ConfigurationTarget.Global;
  await vscode.workspace.getConfiguration(SECTION).update(DISABLED_LANGUAGES, value, target);
}

/** Everything that the server declares; the extension has no defaults of its own for these. */
export function serverSettings(): Record<string, unknown> {
  const all = vscode.workspace.getConfiguration().get<Record<string, unknown>>(SECTION, {});
  return { ...forServer(all), trusted_folders: trustedFolders() };
}

/** Where the user's own checkers may run: what VS Code trusts is trusted, what it does not trust is not. */
function trustedFolders(): string[] {
  if (!vscode.workspace.isTrusted) {
    return [];
  }
  const open = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  return [...vscode.workspace.getConfiguration(SECTION).get<string[]>("trusted_folders", []), ...open];
}

/** Settings without those that only the extension needs. */
export function forServer(settings: Record<string, unknown>): Record<string, unknown> {
  const { server: _, ...rest } = settings;
  return rest;
}

/** Whether a change concerns what the server reads only when it starts. */
export function needsRestart(change: vscode.ConfigurationChangeEvent, startSettings: readonly string[]): boolean {
  return startSettings.some((name) => change.affectsConfiguration(name));
}

/** The settings that decide what runs on this machine: the server takes them at its start alone. */
export function startSettings(context: vscode.ExtensionContext): string[] {
  const declared = context.extension.packageJSON.contributes.configuration.properties as Record<string, { scope: string }>;
  return Object.keys(declared).filter((name) => declared[name]?.scope === "machine");
}

function disabledLanguages(): string[] {
  return vscode.workspace.getConfiguration(SECTION).get<string[]>(DISABLED_LANGUAGES, []);
}
