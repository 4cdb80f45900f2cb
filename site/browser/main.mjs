// Looks at the built site in Chromium: at the widths of a desktop and a phone, light and dark. With a folder as its argument it
// saves pictures there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChromium } from './chromium.mjs';
import { focused, inspect } from './inspect.mjs';
import { serve } from './server.mjs';

const paths = process.env.SITE_PAGES?.split(',') ?? [
  '/',
  '/start',
  '/transactions',
  '/typeorm',
  '/levels',
  '/guides/multi-tenant',
  '/errors',
  '/errors/pool_deadlock',
  '/benchmarks',
  '/design/',
  '/changelog',
  '/api/sluice/classes/Database',
  '/api/sluice/postgres/interfaces/PostgresOptions',
];
const widths = { desktop: 1280, phone: 390 };
const [folder] = process.argv.slice(2);

const site = await serve();
const { page, close } = await startChromium();
const wrong = new Set();
try {
  for (const scheme of ['light', 'dark']) for (const size of Object.keys(widths)) await look(scheme, size);
  await tabThrough();
  await search();
} finally {
  await close();
  site.close();
}
if (wrong.size > 0) {
  console.error(`In a browser the site has faults:\n${[...wrong].join('\n')}`);
  process.exit(1);
}
console.log(`${paths.length} pages look right in Chromium, at two widths, light and dark.`);

async function look(scheme, size) {
  await page.send('Emulation.setEmulatedMedia', {
    features: [
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ],
  });
  const metrics = { width: widths[size], height: 900, deviceScaleFactor: 1, mobile: size === 'phone' };
  await page.send('Emulation.setDeviceMetricsOverride', metrics);
  for (const path of paths) {
    await page.open(site.url + path);
    await settled();
    for (const fault of await page.evaluate(`(${String(inspect)})()`))
      wrong.add(`${path} (${scheme}, ${size}): ${fault}`);
    for (const problem of page.problems.splice(0)) wrong.add(`${path}: the console says ${problem}`);
    if (folder !== undefined) await save(`${path.replaceAll('/', '_')}-${scheme}-${size}.png`);
  }
}

/** Colours change over time; a page is looked at when they have. */
async function settled() {
  await page.evaluate(
    'document.fonts.ready.then(() => Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => {}))))',
  );
}

async function save(name) {
  mkdirSync(folder, { recursive: true });
  const { data } = await page.send('Page.captureScreenshot', { format: 'png' });
  writeFileSync(join(folder, name), Buffer.from(data, 'base64'));
}

/** The first stop is the link over the navigation; each of the next ones is seen. */
async function tabThrough() {
  await page.send('Emulation.setDeviceMetricsOverride', {
    width: 1280,
    height: 900,
    deviceScaleFactor: 1,
    mobile: false,
  });
  await page.open(`${site.url}/transactions`);
  await settled();
  const stops = [];
  for (let press = 0; press < 25; press += 1) {
    for (const type of ['keyDown', 'keyUp'])
      await page.send('Input.dispatchKeyEvent', { type, key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 });
    stops.push(await page.evaluate(`(${String(focused)})()`));
  }
  if (!/skip/i.test(stops[0].text)) wrong.add(`the first stop of the keyboard is "${stops[0].text}"`);
  for (const { text, tag, isShown } of stops) if (!isShown) wrong.add(`the focus on <${tag}> "${text}" is not seen`);
}

/** A code that is searched for is found, on its own page. */
async function search() {
  await page.open(`${site.url}/transactions`);
  await settled();
  await page.evaluate("document.querySelector('.VPNavBarSearchButton, .DocSearch-Button').click()");
  await until("document.activeElement?.matches('input.search-input')", 'the search does not open');
  await page.send('Input.insertText', { text: 'POOL_DEADLOCK' });
  await until(
    "document.querySelector('a.result')?.pathname === '/errors/pool_deadlock'",
    'the search does not find a code',
  );
  if (folder !== undefined) await save('search.png');
}

async function until(condition, fault) {
  const deadline = Date.now() + 10_000;
  while (!(await page.evaluate(`Boolean(${condition})`))) {
    if (Date.now() > deadline) return wrong.add(fault);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}
