"""The lock between rows and a change of the weights."""

import threading

from rewriter_agent.serve.shared_lock import SharedLock


def test_a_change_waits_for_the_rows_at_work_and_later_rows_wait_for_it() -> None:
    lock, order = SharedLock(), []
    at_work, release = threading.Event(), threading.Event()

    def row() -> None:
        with lock.shared():
            at_work.set()
            release.wait()
            order.append("row")

    def change() -> None:
        with lock.exclusive():
            order.append("change")

    def later() -> None:
        with lock.shared():
            order.append("later")

    threads = [threading.Thread(target=row)]
    threads[0].start()
    at_work.wait()
    with lock.shared():
        pass
    for work in (change, later):
        threads.append(threading.Thread(target=work))
        threads[-1].start()
        while work is change and not lock.is_reserved:
            pass
    release.set()
    for thread in threads:
        thread.join()
    assert order == ["row", "change", "later"]
