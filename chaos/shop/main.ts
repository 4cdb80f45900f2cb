// A process of the shop: it places orders and works on what they cause until it is killed, or told to end.
import { flushCompileCache } from 'node:module';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Instruction, Phase, ShopMessage, ShopSettings } from '../settings.ts';
import { WrongClock } from './clock.ts';

const settings = JSON.parse(process.argv[2] ?? '') as ShopSettings;
const clock = new WrongClock(settings.skew);
clock.install();
const { openShop } = await import('./shop.ts');
const shop = await openShop(settings);
// Else what was compiled is kept when a process exits, which those that are killed never do.
flushCompileCache();

const send = (message: ShopMessage): void => {
  if (process.connected) process.send?.(message);
};

shop.start();
const running = shop.load.run();
const reports = setInterval(() => {
  shop.poolCount.look().forEach((what) => shop.load.found(what));
  send(shop.load.report());
}, 200);
process.on('message', (instruction: Instruction) => {
  if (instruction.kind === 'set the clock') {
    clock.skew = instruction.skew;
    return;
  }
  const { phase } = instruction;
  void work(phase).then((found) => send({ kind: 'done', phase, found }));
});
// The driver is gone, and its proxies with it.
process.on('disconnect', () => {
  if (!isClosed) process.exit();
});
let isClosed = false;
send({ kind: 'ready' });

/** @returns what is wrong at its end */
async function work(phase: Phase): Promise<readonly string[]> {
  if (phase === 'rest') {
    shop.load.rest();
    await running;
    send(shop.load.report());
    return await shop.rush();
  }
  if (phase === 'compare') return await shop.stock.compare();
  await shop.close();
  clearInterval(reports);
  const { used, waiting, idle } = shop.database.stats().clients.default;
  isClosed = true;
  // What is left keeps the process alive, which the driver sees.
  void delay(50).then(() => process.disconnect());
  return used + waiting + idle === 0 ? [] : [`a closed pool has ${used} used and ${idle} idle connections`];
}
