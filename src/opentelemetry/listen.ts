import { channel } from 'node:diagnostics_channel';
import { diag } from '@opentelemetry/api';
import { failureName } from '../core/index.ts';

/** Ends a subscription. */
export type Ending = () => void;

/** A channel, as far as it is listened to. */
interface Listened<Message> {
  subscribe(listener: (message: Message) => void): void;
  unsubscribe(listener: (message: Message) => void): unknown;
}

/** Listens to a channel. What the handler throws, as a span processor may, is told to OpenTelemetry alone. */
export function listen<Message>(to: Listened<Message>, handler: (message: Message) => void): Ending {
  const guarded = (message: Message): void => {
    try {
      handler(message);
    } catch (error) {
      complain(error);
    }
  };
  to.subscribe(guarded);
  return () => void to.unsubscribe(guarded);
}

/** The same for a channel that is known by its name. */
export function listenTo(name: string, handler: (message: never) => void): Ending {
  return listen(channel(name) as unknown as Listened<never>, handler);
}

/** Runs what must not disturb what it looks at. */
export function guard<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    complain(error);
    return undefined;
  }
}

function complain(error: unknown): void {
  try {
    // Not its message, which may quote what is exported.
    diag.error(`sluice/opentelemetry: ${failureName(error)} was thrown by what records or exports`);
  } catch {
    // Its logger throws, too.
  }
}
