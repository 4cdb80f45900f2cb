import { SluiceError } from '../core/index.ts';

/** Hooks kept registering hooks; those beyond the limit were not run. */
export class HookLimitError extends SluiceError {
  static override readonly code = 'HOOK_LIMIT';
  override readonly code = 'HOOK_LIMIT';
}
