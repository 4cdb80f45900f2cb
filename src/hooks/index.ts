export { HookLimitError } from './errors.ts';
export { runAtOnce } from './immediate-hook.ts';
export { HookAllowance, tooManyHooks } from './hook-limit.ts';
export { createHook, HookRegistry } from './hook-registry.ts';
export { runHooksInTime } from './hook-deadline.ts';
export { type InScope, type Participant, Participants } from './participants.ts';
export { attachSuppressed, frameAfter, runHooks, suppressedBy } from './run-hooks.ts';
