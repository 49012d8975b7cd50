// SPDX-License-Identifier: Apache-2.0
// Commands of an administrator on $CONTROL/selkie/v1 (PROTOCOL.md, section 8), one message at a time, as selkiectl sends them.
import { isObject, object, text, type Json } from './parse';

export const CONTROL = '$CONTROL/selkie/v1';
export const RESPONSE = `${CONTROL}/response`;

const ANSWER_MS = 30_000; // a large answer comes slowly by WebSocket
const BUSY_MS = 500;
const BUSY_TRIES = 20;
const LARGEST = 200 * 1024; // the plugin takes 1 MiB, and 16,384 commands
const LONGEST_ANSWER = 5 * 1024 * 1024;

export type Response = { data: Json } | { error: string };
type Publish = (topic: string, payload: string) => Promise<void>;

class Busy extends Error {}

interface Waiting {
  first: number;
  count: number;
  responses: (Response | undefined)[];
  left: number;
  done(responses: Response[]): void;
  failed(error: Error): void;
}

export class Control {
  private waiting: Waiting | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private numbered = 0;

  constructor(private readonly publish: Publish) {}

  /** The data of the answer to one command. Rejects with a sentence where it failed. */
  async ask(command: Json): Promise<Json> {
    const [response] = await this.askAll([command]);
    if (!response) throw new Error('The plugin did not answer this command.');
    if ('error' in response) throw new Error(`The plugin refused it: ${response.error}.`);
    return response.data;
  }

  /** The answers to many commands, in their order. `progress` hears how many are answered. */
  askAll(commands: Json[], progress?: (done: number) => void): Promise<Response[]> {
    const result = this.last.then(async () => {
      const responses: Response[] = [];
      while (responses.length < commands.length) {
        responses.push(...(await this.sendSome(commands, responses.length)));
        progress?.(responses.length);
      }
      return responses;
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  /** The connection ended: nobody will answer. */
  lost(): void {
    this.waiting?.failed(new Error('The connection was lost before the answer came. Look whether it was done.'));
  }

  take(payload: Uint8Array): void {
    const waiting = this.waiting;
    const responses = object(payload, LONGEST_ANSWER)?.['responses'];
    if (!waiting || !Array.isArray(responses)) return;
    for (const each of responses) if (isObject(each)) this.takeOne(waiting, each);
  }

  private takeOne(waiting: Waiting, each: Json): void {
    if (each['correlationData'] === undefined && text(each['command']) === '') {
      waiting.failed(each['busy'] === true ? new Busy() : new Error(`The plugin refused it: ${text(each['error'])}.`));
      return;
    }
    const index = Number(each['correlationData']) - waiting.first;
    if (!Number.isInteger(index) || index < 0 || index >= waiting.count || waiting.responses[index]) return;
    const error = each['error'];
    waiting.responses[index] = typeof error === 'string' ? { error } : { data: isObject(each['data']) ? each['data'] : {} };
    waiting.left--;
    if (waiting.left === 0) waiting.done(waiting.responses as Response[]);
  }

  private async sendSome(commands: Json[], from: number): Promise<Response[]> {
    const first = this.numbered;
    const parts: string[] = [];
    for (let bytes = 0; from + parts.length < commands.length && bytes < LARGEST; bytes += parts[parts.length - 1]?.length ?? 0)
      parts.push(JSON.stringify({ ...commands[from + parts.length], correlationData: String(first + parts.length) }));
    this.numbered += parts.length;
    const payload = `{"commands":[${parts.join(',')}]}`;
    for (let tries = 1; ; tries++) {
      try {
        return await this.exchange(payload, first, parts.length);
      } catch (error) {
        if (!(error instanceof Busy)) throw error;
        if (tries === BUSY_TRIES) throw new Error('The plugin has too many commands of others at once. Try again later.');
        await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
      }
    }
  }

  private exchange(payload: string, first: number, count: number): Promise<Response[]> {
    return new Promise<Response[]>((resolve, reject) => {
      const timer = setTimeout(() => this.waiting?.failed(new Error('The plugin did not answer. Look whether it was done.')), ANSWER_MS + count * 20);
      const end = (): void => {
        clearTimeout(timer);
        this.waiting = undefined;
      };
      this.waiting = {
        first, count, responses: new Array<Response | undefined>(count), left: count,
        done: (responses) => { end(); resolve(responses); },
        failed: (error) => { end(); reject(error); },
      };
      this.publish(CONTROL, payload).catch((error: unknown) => {
        this.waiting?.failed(error instanceof Error && 'code' in error && error.code === 135
          ? new Error('This user may not give commands.')
          : error instanceof Error ? error : new Error('The command could not be sent.'));
      });
    });
  }
}
