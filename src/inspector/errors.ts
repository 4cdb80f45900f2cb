import { SluiceError } from '../core/index.ts';

/** The inspector cannot listen where it was told to: the port is taken, or the address is not one of this machine. */
export class InspectorNotStartedError extends SluiceError {
  override readonly code = 'INSPECTOR_NOT_STARTED';
}
