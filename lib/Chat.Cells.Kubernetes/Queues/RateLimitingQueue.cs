namespace Chat.Cells.Kubernetes.Queues;

/// <summary>
/// client-go's rate-limiting work queue. An item is in it once, however often it is added; an item that is added while it is being worked on is
/// handed out again after <see cref="Done"/>, never to two workers at once. Failed items come back after a delay of their own that doubles up to a cap.
/// Thread-safe.
/// </summary>
public sealed class RateLimitingQueue<T> : IDisposable
    where T : notnull
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly TimeSpan _baseDelay;
    private readonly TimeSpan _maxDelay;
    private readonly Queue<T> _ready = new();
    private readonly HashSet<T> _dirty = [];
    private readonly HashSet<T> _processing = [];
    private readonly Dictionary<T, int> _failures = [];
    private readonly PriorityQueue<T, (long Due, long Order)> _delayed = new();
    private readonly Dictionary<T, long> _due = [];
    private long _order;
    private readonly SemaphoreSlim _available = new(0);
    private readonly ITimer _timer;
    private readonly long _origin;
    private bool _shutDown;

    /// <summary>Makes a queue.</summary>
    /// <param name="time">Clock of the delays.</param>
    /// <param name="baseDelay">Delay after the first failure of an item; client-go's 5 ms by default.</param>
    /// <param name="maxDelay">Cap of the delay; 1000 s by default.</param>
    public RateLimitingQueue(TimeProvider? time = null, TimeSpan? baseDelay = null, TimeSpan? maxDelay = null)
    {
        _time = time ?? TimeProvider.System;
        _baseDelay = baseDelay ?? TimeSpan.FromMilliseconds(5);
        _maxDelay = maxDelay ?? TimeSpan.FromSeconds(1000);
        _origin = _time.GetTimestamp();
        _timer = _time.CreateTimer(_ => ReleaseDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Items ready to be handed out.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _ready.Count;
            }
        }
    }

    /// <summary>Adds an item now.</summary>
    public void Add(T item)
    {
        lock (_lock)
        {
            AddLocked(item);
        }
    }

    /// <summary>Adds an item after a delay; of several delays of one item the shortest counts.</summary>
    public void AddAfter(T item, TimeSpan delay)
    {
        lock (_lock)
        {
            if (_shutDown)
            {
                return;
            }
            if (delay <= TimeSpan.Zero)
            {
                AddLocked(item);
                return;
            }
            var due = Elapsed().Ticks + delay.Ticks;
            if (_due.TryGetValue(item, out var earlier) && earlier <= due)
            {
                return;
            }
            _due[item] = due;
            _delayed.Enqueue(item, (due, _order++));
            ArmLocked();
        }
    }

    /// <summary>Adds an item after its own back-off; each call since <see cref="Forget"/> doubles it.</summary>
    /// <param name="item">The item.</param>
    /// <param name="atLeast">What the server asked to wait (Retry-After): the delay is no shorter, even where it is above the cap.</param>
    public void AddRateLimited(T item, TimeSpan? atLeast = null)
    {
        TimeSpan delay;
        lock (_lock)
        {
            var failures = _failures.GetValueOrDefault(item);
            _failures[item] = failures + 1;
            var milliseconds = _baseDelay.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 60));
            delay = milliseconds >= _maxDelay.TotalMilliseconds ? _maxDelay : TimeSpan.FromMilliseconds(milliseconds);
        }
        AddAfter(item, atLeast > delay ? atLeast.Value : delay);
    }

    /// <summary>The item went well: its back-off starts anew.</summary>
    public void Forget(T item)
    {
        lock (_lock)
        {
            _failures.Remove(item);
        }
    }

    /// <summary>How often an item was rate-limited since <see cref="Forget"/>.</summary>
    public int NumRequeues(T item)
    {
        lock (_lock)
        {
            return _failures.GetValueOrDefault(item);
        }
    }

    /// <summary>Waits for an item. The caller must call <see cref="Done"/>. <c>Ok</c> is false once the queue is shut down and empty.</summary>
    public async ValueTask<(bool Ok, T Item)> GetAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _available.WaitAsync(cancellationToken);
            lock (_lock)
            {
                if (_ready.TryDequeue(out var item))
                {
                    _processing.Add(item);
                    _dirty.Remove(item);
                    return (true, item);
                }
                if (_shutDown)
                {
                    // The next waiter has to learn of it, too.
                    _available.Release();
                    return (false, default!);
                }
            }
        }
    }

    /// <summary>The item has been worked on; if it was added meanwhile it is ready again.</summary>
    public void Done(T item)
    {
        lock (_lock)
        {
            if (_processing.Remove(item) && _dirty.Contains(item))
            {
                ReadyLocked(item);
            }
        }
    }

    /// <summary>Takes nothing more; hands out what is ready, then ends the workers.</summary>
    public void ShutDown()
    {
        lock (_lock)
        {
            if (!_shutDown)
            {
                _shutDown = true;
                _delayed.Clear();
                _due.Clear();
                _available.Release();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ShutDown();
        _timer.Dispose();
    }

    private void AddLocked(T item)
    {
        if (_shutDown || !_dirty.Add(item))
        {
            return;
        }
        if (!_processing.Contains(item))
        {
            ReadyLocked(item);
        }
    }

    private void ReadyLocked(T item)
    {
        _ready.Enqueue(item);
        _available.Release();
    }

    private void ReleaseDue()
    {
        lock (_lock)
        {
            var now = Elapsed().Ticks;
            while (_delayed.TryPeek(out var item, out var first) && first.Due <= now)
            {
                _delayed.Dequeue();
                // A later entry of an item whose delay was shortened is left in the heap: skip it here.
                if (_due.TryGetValue(item, out var current) && current == first.Due)
                {
                    _due.Remove(item);
                    AddLocked(item);
                }
            }
            ArmLocked();
        }
    }

    private void ArmLocked()
    {
        if (!_shutDown && _delayed.TryPeek(out _, out var first))
        {
            // Timers count whole milliseconds: round up, or the timer fires before the item is due.
            var wait = TimeSpan.FromMilliseconds(Math.Ceiling(TimeSpan.FromTicks(Math.Max(0, first.Due - Elapsed().Ticks)).TotalMilliseconds));
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    private TimeSpan Elapsed() => _time.GetElapsedTime(_origin);
}
