import { connect, createServer, type Socket } from 'node:net';
import { listenFor } from './listen-for.ts';

/** `up`: from the client to the server. `down`: from the server to the client. */
export type Direction = 'up' | 'down';

/** What a proxy does to the bytes of a direction. Bytes are counted from when the fault was set, over all connections. */
export type Fault =
  /** Passes so many bytes on and then cuts the connection that carries the next one, on both sides. */
  | { readonly type: 'cut'; readonly after: number }
  /** Passes so many bytes on and then nothing more, and leaves the connections open. */
  | { readonly type: 'swallow'; readonly after: number }
  /** Passes everything on so many milliseconds late. */
  | { readonly type: 'delay'; readonly milliseconds: number }
  /** Passes everything on in pieces of so many bytes, each in a packet of its own. */
  | { readonly type: 'fragment'; readonly size: number }
  /** Passes so many bytes on and then these instead of the next ones, once. */
  | { readonly type: 'replace'; readonly after: number; readonly by: Buffer };

/** A proxy for any protocol that damages what it passes on. */
export interface FaultProxy {
  /** The target's URL with the proxy's host and port. */
  readonly url: string;
  readonly port: number;
  /** Sets the fault of a direction, or none, and counts its bytes from zero. A cut happens once. */
  set(direction: Direction, fault: Fault | undefined): void;
  /** As soon as the client has sent this text, sets the fault, which counts from there. */
  setAfter(text: string, direction: Direction, fault: Fault): void;
  /** Bytes that came in a direction since its fault was set. */
  seen(direction: Direction): number;
  /** Whether bytes have met the fault of a direction. */
  hasStruck(direction: Direction): boolean;
  /** Connections that are open now. */
  connections(): number;
  /** Cuts all connections; new ones are let through. */
  cut(): void;
  /** Accepts connections no more, or again. */
  refuse(refused: boolean): void;
  close(): Promise<void>;
}

interface Lane {
  fault: Fault | undefined;
  /** Bytes that came, whatever became of them. */
  seen: number;
  /** What is passed on late, in its order. */
  readonly late: (() => void)[];
  /** When the last of it is, of `performance.now()`. */
  lateUntil: number;
}

/** @param target a URL, of which host and port are used */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { port: targetPort, hostname } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  const lanes: Readonly<Record<Direction, Lane>> = {
    up: { fault: undefined, seen: 0, late: [], lateUntil: 0 },
    down: { fault: undefined, seen: 0, late: [], lateUntil: 0 },
  };
  let trigger: { readonly text: string; readonly direction: Direction; readonly fault: Fault } | undefined;
  let isRefused = false;

  const set = (direction: Direction, fault: Fault | undefined): void => {
    lanes[direction].fault = fault;
    lanes[direction].seen = 0;
  };
  const server = createServer((client) => {
    client.on('error', () => {});
    if (isRefused) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(targetPort), hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', end);
    }
    client.on('data', (chunk) => {
      pass(chunk, upstream, lanes.up, end);
      if (trigger === undefined || !chunk.includes(trigger.text)) return;
      set(trigger.direction, trigger.fault);
      trigger = undefined;
    });
    upstream.on('data', (chunk) => pass(chunk, client, lanes.down, end));
  });
  const url = await listenFor(target, server);
  const cut = (): void => {
    for (const [client, upstream] of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    url: url.href,
    port: Number(url.port),
    set,
    setAfter(text, direction, fault) {
      trigger = { text, direction, fault };
    },
    seen: (direction) => lanes[direction].seen,
    hasStruck: (direction) => lanes[direction].fault !== undefined && lanes[direction].seen > 0,
    connections: () => pairs.size,
    cut,
    refuse(refused) {
      isRefused = refused;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Passes a chunk on as the fault of its lane has it. */
function pass(chunk: Buffer, to: Socket, lane: Lane, end: () => void): void {
  const { fault } = lane;
  const before = lane.seen;
  lane.seen += chunk.length;
  const write = (bytes: Buffer, delay = 0): void => passLate(() => to.write(bytes), lane, delay);
  switch (fault?.type) {
    case undefined:
      write(chunk);
      return;
    case 'delay':
      write(chunk, fault.milliseconds);
      return;
    case 'fragment':
      for (let at = 0; at < chunk.length; at += fault.size) write(chunk.subarray(at, at + fault.size));
      return;
    case 'swallow':
      if (before < fault.after) write(chunk.subarray(0, fault.after - before));
      return;
    case 'cut': {
      if (lane.seen <= fault.after) {
        write(chunk);
        return;
      }
      lane.fault = undefined;
      // What was let through still arrives: the end of the connection comes behind it.
      passLate(() => to.end(chunk.subarray(0, fault.after - before), end), lane, 0);
      return;
    }
    case 'replace': {
      if (lane.seen <= fault.after) {
        write(chunk);
        return;
      }
      lane.fault = undefined;
      write(Buffer.concat([chunk.subarray(0, fault.after - before), fault.by]));
    }
  }
}

/** Nothing overtakes what is late: not even when the delay is over. */
function passLate(send: () => void, lane: Lane, delay: number): void {
  const now = performance.now();
  lane.lateUntil = Math.max(now + delay, lane.lateUntil);
  if (delay === 0 && lane.late.length === 0) {
    send();
    return;
  }
  lane.late.push(send);
  setTimeout(() => lane.late.shift()?.(), lane.lateUntil - now);
}
