# Drives ZooKeeper through kazoo's lock recipe, as a program in Python would, and prints what it measured as JSON.
#
# kazoo-clients.py PORT pairs CLIENTS SECONDS     {"perSecond": …}
# kazoo-clients.py PORT handover WAITERS LOCK     {"takenMs": […], "chainMs": …}

import json
import sys
import threading
import time

from kazoo.client import KazooClient

threading.stack_size(256 * 1024)


def connect(port):
    client = KazooClient(hosts=f"127.0.0.1:{port}", timeout=40)
    client.start()
    return client


def pairs(port, count, seconds):
    clients = [connect(port) for _ in range(count)]
    locks = [client.Lock(f"/kazoo-own-{index}") for index, client in enumerate(clients)]
    done = [0] * count

    def run(index, until):
        while time.monotonic() < until:
            locks[index].acquire()
            locks[index].release()
            done[index] += 1

    started = time.monotonic()
    in_threads(count, lambda index: run(index, started + seconds))
    took = time.monotonic() - started
    for client in clients:
        client.stop()
    return {"perSecond": sum(done) / took}


# One session for all who wait: a client of kazoo has threads of its own, and a thousand would have thousands.
def handover(port, waiters, name):
    client = connect(port)
    path = f"/{name}"
    first = client.Lock(path)
    first.acquire()
    taken_ms = []
    released = [0.0]
    ended = [0.0]

    def take_and_pass_on(_index):
        lock = client.Lock(path)
        lock.acquire()
        ended[0] = time.monotonic()
        taken_ms.append((ended[0] - released[0]) * 1000)
        released[0] = time.monotonic()
        lock.release()

    def begin():
        while len(client.get_children(path)) <= waiters:
            time.sleep(0.05)
        time.sleep(0.5)
        released[0] = time.monotonic()
        started = released[0]
        first.release()
        return started

    threads = [threading.Thread(target=take_and_pass_on, args=(index,)) for index in range(waiters)]
    for thread in threads:
        thread.start()
    started = begin()
    for thread in threads:
        thread.join()
    client.stop()
    return {"takenMs": taken_ms, "chainMs": (ended[0] - started) * 1000}


def in_threads(count, work):
    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


port, part, count, last = sys.argv[1:]
if part == "pairs":
    result = pairs(port, int(count), float(last))
else:
    result = handover(port, int(count), last)
print(json.dumps(result))
