export { alone } from './alone.ts';
export { ClientSettings, settingsHere } from './client-settings.ts';
export { CommitMark } from './commit-mark.ts';
export { CommitDeadline } from './commit-deadline.ts';
export { InvalidSettingError, MissingSettingError, SettingsChangedError } from './errors.ts';
export { board, type Flight, type Landed } from './rider.ts';
export { SessionSettings } from './session-settings.ts';
export { TransactionSettings } from './transaction-settings.ts';
