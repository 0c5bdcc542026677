// Random sequences of commands, on every engine and on a model in memory: they answer the same.
import { action } from './queue-actions.ts'
import { QueueGame } from './queue-game.ts'
import { answerAsTheModel } from './sequences.ts'

answerAsTheModel('queues', 300, action, async (opened, clients, place, actions) => {
  const game = new QueueGame(opened, clients, place)
  for (const one of actions) {
    if (!game.isUndecided) await game.play(one)
  }
  if (!game.isUndecided) await game.end()
})
