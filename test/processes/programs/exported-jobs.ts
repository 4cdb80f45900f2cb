// What `sluice relay --jobs` is given: a module that exports the jobs of a program.
import { openShop, settingsFromEnvironment } from './shop-jobs.ts';

export const { jobs } = await openShop(settingsFromEnvironment());
