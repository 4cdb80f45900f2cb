import { describe } from 'vitest';
import { rules } from '../../src/eslint/index.ts';
import { javascript, typed } from './tester.ts';

const inBody = (body: string, imports = '') =>
  `import { database } from './database.js'; ${imports}\nawait database.transaction(async () => { ${body} });`;
const waits = (what: string, body: string, imports = '') => ({
  code: inBody(body, imports),
  errors: [{ messageId: 'wait', data: { what } }],
});

describe('in JavaScript', () => {
  javascript.run('no-foreign-wait', rules['no-foreign-wait'], {
    valid: [
      `await fetch('https://shop.example');`,
      inBody(`database.current.afterCommit(() => fetch('https://shop.example'));`),
      inBody(`database.current.afterCommit(async () => { await sendMail(); });`),
      inBody(`await fetch(product);`, `import { fetch } from './products.js';`),
      inBody(`await repository.get(1);`, `import { repository } from './products.js';`),
      inBody(`setTimeout(log, 10);`),
      inBody(`const client = axios.create; client;`, `import axios from 'axios';`),
      inBody(`const client = this.http.axiosRef; use(client);`),
      inBody(`await sleep;`, `import { sleep } from './sleep.js';`),
      `import { database } from './database.js'; await database.transaction(async () => {}); await fetch('x');`,
      inBody(`await new Promise((resolve) => { emitter.once('end', resolve); });`),
    ],
    invalid: [
      waits('fetch()', `await fetch('https://shop.example');`),
      waits('fetch()', `const answer = await globalThis.fetch('x');`),
      waits('fetch()', `const { body } = await fetch('x').then((answer) => answer.json());`),
      waits('fetch()', `await Promise.all(items.map((item) => fetch(item)));`),
      waits('fetch()', `await Promise.all(items.map(async (item) => { await fetch(item); }));`),
      waits('axios', `await axios.post('x');`, `import axios from 'axios';`),
      waits('axios', `await shop.get('x');`, `import axios from 'axios'; const shop = axios.create({});`),
      waits('got', `await got('x').json();`, `import got from 'got';`),
      waits('undici', `await request('x');`, `import { request } from 'undici';`),
      waits(
        'stripe',
        `await stripe.customers.create({});`,
        `import Stripe from 'stripe'; const stripe = new Stripe('x');`,
      ),
      waits(
        '@aws-sdk/client-s3',
        `await s3.send(command);`,
        `import { S3Client } from '@aws-sdk/client-s3'; const s3 = new S3Client();`,
      ),
      waits(
        'nodemailer',
        `await mail.sendMail({});`,
        `import { createTransport } from 'nodemailer'; const mail = createTransport();`,
      ),
      waits('axios', `await this.http.axiosRef.get('x');`),
      waits('axios', `const { axiosRef } = http; await axiosRef.post('x');`),
      waits('sendMail()', `await this.mailer.sendMail({});`),
      waits('node:timers/promises', `await setTimeout(100);`, `import { setTimeout } from 'node:timers/promises';`),
      waits('a timer', `await new Promise((resolve) => setTimeout(resolve, 100));`),
      waits('sleep()', `await sleep(100);`, `import { sleep } from './sleep.js';`),
      waits(
        'pause()',
        `await pause(100);`,
        `const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });`,
      ),
      {
        ...waits('./payments.js', `await charge();`, `import { charge } from './payments.js';`),
        options: [{ modules: ['./payments.js'] }],
      },
      { ...waits('charge()', `await payments.charge();`), options: [{ functions: ['charge'] }] },
    ],
  });
});

describe('in TypeScript', () => {
  typed.run('no-foreign-wait', rules['no-foreign-wait'], {
    valid: [
      `import { Transactional } from 'sluice'; import { HttpService } from './http.js';
       class Orders { constructor(private readonly http: HttpService) {} @Transactional() async place() { await this.http.get('x'); } }`,
    ],
    invalid: [
      {
        code: `import { Transactional } from 'sluice'; import { HttpService } from '@nestjs/axios';
               class Orders { constructor(private readonly http: HttpService) {} @Transactional() async place() { await firstValueFrom(this.http.get('x')); } }`,
        errors: [{ messageId: 'wait', data: { what: '@nestjs/axios' } }],
      },
      {
        code: `import { Transactional } from 'sluice'; class Orders { @Transactional() async place(): Promise<void> { const answer = (await fetch('x')) as Response; } }`,
        errors: [{ messageId: 'wait', data: { what: 'fetch()' } }],
      },
      {
        code: `import { Transactional } from 'sluice'; class Orders { @Transactional() async place() { await new Promise<void>((done) => setTimeout(done, 1)); } }`,
        errors: [{ messageId: 'wait', data: { what: 'a timer' } }],
      },
    ],
  });
});
