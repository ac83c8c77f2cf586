import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Typing } from '@pg-chat/client'

test('whoever writes before the topic is joined is heard once it is; whoever has stopped is not', () => {
  const told: string[] = []
  const typing = new Typing('c', 'visitor', (event) => told.push(event))
  typing.joined()
  assert.deepEqual(told, [])
  typing.typed()
  typing.typed()
  typing.joined()
  assert.deepEqual(told, ['typing_start', 'typing_start'])
  typing.ended()
  typing.joined()
  assert.deepEqual(told, ['typing_start', 'typing_start', 'typing_stop'])
  typing.stop()
})
