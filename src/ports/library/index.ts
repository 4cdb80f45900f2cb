/** The entry `sluice/library`: what binds a library that has no entry of its own. */
export { bindEntries, type BindEntriesOptions, type EntryOf } from '../../library/index.ts';
