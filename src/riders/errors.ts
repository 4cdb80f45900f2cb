import { SluiceError } from '../core/index.ts';

/** The settings of a client do not say what a setting is here: its value is `undefined`, or the function threw. */
export class MissingSettingError extends SluiceError {
  static override readonly code = 'MISSING_SETTING';
  override readonly code = 'MISSING_SETTING';
}

/** The settings of a client are none that the server could be given: a name or a value is not allowed, or a promise came. */
export class InvalidSettingError extends SluiceError {
  static override readonly code = 'INVALID_SETTING';
  override readonly code = 'INVALID_SETTING';
}

/** A statement came with other settings than those with which its transaction had begun. It was not sent. */
export class SettingsChangedError extends SluiceError {
  static override readonly code = 'SETTINGS_CHANGED';
  override readonly code = 'SETTINGS_CHANGED';
}
