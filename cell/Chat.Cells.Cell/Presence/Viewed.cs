namespace Chat.Cells.Cell.Presence;

/// <summary>Who is shown presence: a client's socket, or another cell's stream.</summary>
internal interface IPresenceViewer
{
    /// <summary>Quick, and doesn't throw: called under the viewed user's lock, so that a viewer is shown the changes of a user in their order.</summary>
    void Show(ShownPresence shown);
}

/// <summary>A user's presence on its way to viewers; its frame is made once for all of them.</summary>
internal sealed class ShownPresence(PresenceSnapshot snapshot, long now)
{
    private byte[]? frame;

    public PresenceSnapshot Snapshot => snapshot;

    public ReadOnlyMemory<byte> Frame => frame ??= LiveFrames.Presence(snapshot, now);
}

/// <summary>A user whom somebody views on this server: who does, and what they were shown last. Locked by itself; once <see cref="IsRemoved"/> it is never used again.</summary>
internal sealed class Viewed(string userId)
{
    private readonly Lock gate = new();
    private readonly HashSet<IPresenceViewer> viewers = new(1);
    private PresenceSnapshot? current;
    private long changedAt;
    private long missingSince;

    public string UserId => userId;

    public bool IsRemoved { get; private set; }

    /// <summary>False when the entry is removed. Shows what is known; <paramref name="isKnown"/> is false when that is nothing yet, and the viewer is shown what the first read finds.</summary>
    public bool TryAdd(IPresenceViewer viewer, long now, out bool isKnown)
    {
        lock (gate)
        {
            isKnown = current is not null;
            if (IsRemoved) return false;
            viewers.Add(viewer);
            if (current is not null) viewer.Show(new ShownPresence(current, now));
            return true;
        }
    }

    /// <summary>True when that was the last one, and the entry is removed.</summary>
    public bool Remove(IPresenceViewer viewer)
    {
        lock (gate)
        {
            if (IsRemoved || !viewers.Remove(viewer) || viewers.Count > 0) return false;
            IsRemoved = true;
            return true;
        }
    }

    /// <summary>A notice: newer than what is known, or of no interest. The number of viewers that were shown it.</summary>
    public int Notice(PresenceSnapshot snapshot, long timestamp, long now)
    {
        lock (gate) return IsRemoved || snapshot.Stamp <= current?.Stamp ? 0 : Set(snapshot, timestamp, now);
    }

    /// <summary>What a read found (null: nothing) that began at a time: as true as can be, unless a newer notice came meanwhile.</summary>
    /// <param name="patience">
    /// A state that was emptied knows nothing of a user who is here until that user's server says it again, within one tick. Only a user of whom nothing was known for this
    /// long, in timestamp units, counts as gone.
    /// </param>
    public int Read(PresenceSnapshot? found, long beganAt, long patience, long timestamp, long now)
    {
        lock (gate)
        {
            if (IsRemoved) return 0;
            if (found is null)
            {
                if (current is null) return Set(PresenceSnapshot.Unknown(userId), timestamp, now);
                if (current.Status == PresenceStatus.Offline) return 0;
                if (missingSince == 0) missingSince = timestamp;
                return timestamp - missingSince < patience ? 0 : Set(Gone(), timestamp, now);
            }
            // By the stamps alone a state whose clock has gone back would never be believed again.
            if (current is null || changedAt <= beganAt || current.Stamp <= found.Stamp) return Set(found, timestamp, now);
            missingSince = 0;
            return 0;
        }
    }

    /// <summary>What another cell says of its user, in its order.</summary>
    public int Told(PresenceSnapshot snapshot, long timestamp, long now)
    {
        lock (gate) return IsRemoved ? 0 : Set(snapshot, timestamp, now);
    }

    /// <summary>Where nothing could be read: an answer to those who have none.</summary>
    public int GiveUp(long timestamp, long now)
    {
        lock (gate) return IsRemoved || current is not null ? 0 : Set(PresenceSnapshot.Unknown(userId), timestamp, now);
    }

    /// <summary>The user's cell can't be reached.</summary>
    public int Lose(long timestamp, long now)
    {
        lock (gate) return IsRemoved ? 0 : Set(Gone(), timestamp, now);
    }

    private PresenceSnapshot Gone() => PresenceSnapshot.Unknown(userId) with { LastActiveAt = current?.LastActiveAt };

    private int Set(PresenceSnapshot next, long timestamp, long now)
    {
        var looksNew = current is null || !current.LooksLike(next);
        current = next;
        missingSince = 0;
        changedAt = timestamp;
        if (!looksNew) return 0;
        var shown = new ShownPresence(next, now);
        foreach (var viewer in viewers) viewer.Show(shown);
        PresenceMetrics.Shown.Add(viewers.Count);
        return viewers.Count;
    }
}
