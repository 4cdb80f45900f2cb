// The program that `nest build` has made, as a process of its own: an order over HTTP is paid by a job of BullMQ.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import pg from 'pg';

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const child = spawn(process.execPath, ['dist/main'], {
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = once(child, 'exit');
try {
  const [url] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => assert.fail('the program has ended')),
  ]);
  const base = url.replace('[::1]', 'localhost');
  await client.query("insert into product (id, stock) values ('pen', 1)");
  assert.equal((await place(base)).status, 201);
  assert.equal((await place(base)).status, 409);
  const end = Date.now() + 30_000;
  while ((await client.query('select from shop_order where paid')).rowCount === 0) {
    assert.ok(Date.now() < end, 'the order is not paid');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await client.query('select from shop_order')).rowCount, 1);
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [null, 'SIGTERM']);
} finally {
  child.kill('SIGKILL');
  await client.end();
}

function place(base) {
  const body = JSON.stringify({ productId: 'pen' });
  return fetch(`${base}/orders`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}
