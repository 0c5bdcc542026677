// Random sequences of commands on jobs with an id, on every engine and on a model in memory: they answer the same.
import { RecordGame, recordAction } from './record-game.ts'
import { answerAsTheModel } from './sequences.ts'

answerAsTheModel('jobs with an id', 50, recordAction, async (opened, clients, place, actions) => {
  const game = new RecordGame(opened, clients, place)
  for (const one of actions) await game.play(one)
  await game.end()
})
