import { readFileSync } from 'node:fs';
import { searchMatches } from '../../extension/targets/catalogue';
import { parseLongTail } from '../../extension/targets/long-tail';

/** Prints how many milliseconds the first search of a process takes with reading the list: `search-once WORDS MOST`. */
const [words = '', most = '300'] = process.argv.slice(2);
const start = performance.now();
const longTail = parseLongTail(readFileSync('extension/targets/long-tail.generated.json', 'utf8'));
searchMatches(words, { longTail }, Number(most));
process.stdout.write(String(performance.now() - start));
