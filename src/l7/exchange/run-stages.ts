/** Runs the stages that cannot wait. Loops by index: these run for every request. */
import { type HeadChanges, WIRE_ROOM } from '../message/head-changes.ts';
import type { Head } from '../message/head.ts';
import type { EndStage, ResponseStage } from './stage.ts';

/** Fills `changes` with what the stages change in the head of a response; the caller sends it with them at once. */
export function changeResponse<E>(stages: readonly ResponseStage<E>[], exchange: E, head: Head, changes: HeadChanges): void {
  let room = WIRE_ROOM;
  for (let i = 0; i < stages.length; i++) {
    const more = stages[i]!.room;
    room += typeof more === 'number' ? more : more(exchange, head);
  }
  changes.begin(head, room);
  for (let i = 0; i < stages.length; i++) stages[i]!.run(exchange, head, changes);
}

/** Each runs, whatever the one before has thrown. @param fault gets what one has thrown, and its name. */
export function runEndStages<E>(stages: readonly EndStage<E>[], exchange: E, fault: (error: unknown, doing: string) => void): void {
  for (let i = 0; i < stages.length; i++) {
    const stage = stages[i]!;
    try {
      stage.run(exchange);
    } catch (error) {
      fault(error, stage.name);
    }
  }
}
