export { HookLimitError } from './errors.ts';
export { runAtOnce } from './hook-at-once.ts';
export { HookAllowance, tooManyHooks } from './hook-limit.ts';
export { createHook, HookRegistry } from './hook-registry.ts';
export { runHooksInTime } from './hooks-in-time.ts';
export { type InScope, type Participant, Participants } from './participants.ts';
export { attachSuppressed, frameAfter, runHooks, suppressedBy } from './run-hooks.ts';
