import { channel } from 'node:diagnostics_channel';

/** A transaction opened or ended. */
export interface TransactionEvent {
  readonly clientName: string;
  readonly level: number;
  readonly transaction: string;
}

export interface TransactionEndEvent extends TransactionEvent {
  readonly outcome: 'committed' | 'rolledBack' | 'unknown';
  /** Milliseconds from the opening of the scope to the server's answer. */
  readonly duration: number;
}

/** A hook threw. The outcome of its transaction is not changed by it. */
export interface HookErrorEvent {
  readonly hook: 'commit' | 'compensate' | 'completion';
  readonly transaction: string | undefined;
  readonly error: unknown;
}

/** A request for a connection has to wait. */
export interface AcquireWaitEvent {
  readonly clientName: string;
  readonly level: number;
  readonly waiting: number;
}

/** A physical connection was opened, or is gone. */
export interface ConnectionEvent {
  readonly clientName: string;
  /** Connections of the client in this process, this one included where it was opened. */
  readonly open: number;
}

/** The names of the `node:diagnostics_channel` channels; publishing without a subscriber costs next to nothing. */
export const channelNames = {
  transactionStart: 'sluice:transaction:start',
  transactionEnd: 'sluice:transaction:end',
  hookError: 'sluice:hook:error',
  acquireWait: 'sluice:pool:wait',
  connectionOpen: 'sluice:connection:open',
  connectionClose: 'sluice:connection:close',
} as const;

/** A channel that knows the type of its messages. */
export interface TypedChannel<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

function typed<Message>(name: string): TypedChannel<Message> {
  return channel(name);
}

export const transactionStart: TypedChannel<TransactionEvent> = typed(channelNames.transactionStart);
export const transactionEnd: TypedChannel<TransactionEndEvent> = typed(channelNames.transactionEnd);
export const hookError: TypedChannel<HookErrorEvent> = typed(channelNames.hookError);
export const acquireWait: TypedChannel<AcquireWaitEvent> = typed(channelNames.acquireWait);
export const connectionOpen: TypedChannel<ConnectionEvent> = typed(channelNames.connectionOpen);
export const connectionClose: TypedChannel<ConnectionEvent> = typed(channelNames.connectionClose);
