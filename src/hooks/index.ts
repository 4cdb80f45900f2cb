export { HookLimitError } from './errors.ts';
export { runAtOnce } from './immediate-hook.ts';
export { HookAllowance, tooManyHooks } from './hook-limit.ts';
export { createHook, type Hook, HookRegistry } from './hook-registry.ts';
export {
  attachSuppressed,
  frameAfter,
  reportHookError,
  runHooks,
  runHooksInTime,
  runWatched,
  suppressedBy,
} from './run-hooks.ts';
