/** Something that happened in a chain of transactions, for those who read why one has failed. */
export interface HistoryEntry {
  /** Milliseconds since the first transaction of the chain was opened in this process. */
  readonly at: number;
  /** What happened. */
  readonly event:
    | 'begin'
    | 'acquire'
    | 'statement'
    | 'savepoint'
    | 'rollbackTo'
    | 'commit'
    | 'rollback'
    | 'retry'
    | 'lock'
    | 'wait';
  /** The name of the transaction that it happened in. */
  readonly transaction: string;
  /** The client of that transaction. */
  readonly clientName: string;
  /** The level of that transaction. */
  readonly level: number;
  /** SQL without literals, cut at 120 characters; or what is waited for. */
  readonly text: string | undefined;
  /** Milliseconds that it took; undefined where it took none, or had not ended. */
  readonly duration: number | undefined;
  /** Rows returned or changed. */
  readonly rowCount: number | undefined;
  /** The code of the error, or its name, where it failed. */
  readonly error: string | undefined;
}
