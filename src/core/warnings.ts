import { docsOf } from './docs.ts';

/** The codes of the process warnings. Stable across versions; each has a section in docs/warnings.md, which a test holds to this list. */
export const warningCodes = [
  'SLUICE_BACKGROUND_ERROR',
  'SLUICE_CONNECTION_LEAK',
  'SLUICE_FOREIGN_DATA_SOURCE',
  'SLUICE_FOREIGN_WAIT',
  'SLUICE_HOOK_ERROR',
  'SLUICE_HOOK_HANDLERS',
  'SLUICE_IDLE_TRANSACTION',
  'SLUICE_LOCK_DETECTION_OFF',
  'SLUICE_PLACE_UNDEFINED',
  'SLUICE_PREPARING_OFF',
  'SLUICE_SECRET_UNDEFINED',
  'SLUICE_UNBOUND_CONNECTION',
  'SLUICE_UNBOUND_LIBRARY',
] as const;

export type WarningCode = (typeof warningCodes)[number];

/** The names of warnings that are about an error; the others are a `SluiceWarning`. */
const names: Partial<Record<WarningCode, string>> = {
  SLUICE_BACKGROUND_ERROR: 'SluiceBackgroundWarning',
  SLUICE_HOOK_ERROR: 'SluiceHookWarning',
};

/** Emits a process warning, with its code, the place of its description and, where it is about one, the error as its cause. */
export function emitWarning(code: WarningCode, message: string, about?: { readonly cause: unknown }): void {
  const docs = docsOf('warnings', code);
  const warning = new Error(message, about);
  emit(Object.assign(warning, { name: names[code] ?? 'SluiceWarning', code, docs, detail: `See ${docs}` }));
}

/** Node.js takes errors of its own realm alone, and Jest runs a program in another one. */
function emit(warning: Error): void {
  try {
    process.emitWarning(warning);
  } catch (refusal) {
    process.emitWarning(Object.setPrototypeOf(warning, errorPrototypeOf(refusal as object)) as Error);
  }
}

/** `Error.prototype` of the realm that an error is of: the one below `Object.prototype`. */
function errorPrototypeOf(error: object): object {
  const parent = Object.getPrototypeOf(error) as object;
  const grandparent = Object.getPrototypeOf(parent) as object;
  return Object.getPrototypeOf(grandparent) === null ? parent : errorPrototypeOf(parent);
}

/** A warning that is emitted once, however often it is asked for. */
export function warningOnce(code: WarningCode, message: string): () => void {
  let isGiven = false;
  return () => {
    if (isGiven) return;
    isGiven = true;
    emitWarning(code, message);
  };
}
