import type { TransactionOptions } from '../transaction/index.ts';

/** How a library asks its transaction to be. */
export type Characteristics = Pick<TransactionOptions, 'isolationLevel' | 'readOnly'>;

/** What a text that starts, marks or ends a transaction asks for; an engine's dialect says so. */
export type ControlCommand =
  | { readonly type: 'begin' | 'characteristics'; readonly characteristics: Characteristics }
  /** Of the transaction that the connection begins next. */
  | { readonly type: 'nextCharacteristics'; readonly characteristics: Characteristics }
  | { readonly type: 'commit' | 'rollback' }
  | { readonly type: 'savepoint' | 'release' | 'rollbackTo'; readonly name: string }
  /** Nothing in an ambient transaction corresponds to it. */
  | { readonly type: 'untranslatable'; readonly reason: string };
