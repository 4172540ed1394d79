using Chat.Cells.Client.Wire;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Presence;

/// <summary>Whom this device views and what it was told of them; said again on each connection. And whether somebody looks at this device.</summary>
internal sealed class PresenceBook(TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, UserPresence> known = [];
    private readonly HashSet<string> unanswered = [];
    private string[] wanted = [];
    private string? requestId;
    private TaskCompletionSource? answered;
    private long? retryAt;
    private bool isSent = true;
    private bool isAway;
    private bool isAwaySent = true;

    public bool IsAway
    {
        get
        {
            lock (gate) return isAway;
        }
    }

    public UserPresence? Find(string userId)
    {
        lock (gate) return known.GetValueOrDefault(userId);
    }

    /// <summary>Views these users instead of those before. The task is done when the server has answered.</summary>
    public Task Want(IReadOnlyCollection<string> userIds)
    {
        lock (gate)
        {
            wanted = [.. userIds.Distinct(StringComparer.Ordinal)];
            foreach (var userId in known.Keys.Except(wanted, StringComparer.Ordinal).ToList()) known.Remove(userId);
            requestId = Ulid.NewUlid().ToString();
            (isSent, retryAt) = (false, null);
            unanswered.Clear();
            unanswered.UnionWith(wanted);
            if (answered is null || answered.Task.IsCompleted) answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var task = answered.Task;
            if (wanted.Length == 0) answered.TrySetResult();
            return task;
        }
    }

    public void SetAway(bool away)
    {
        lock (gate)
        {
            isAwaySent &= isAway == away;
            isAway = away;
        }
    }

    /// <summary>A new connection knows nothing.</summary>
    public void Requeue()
    {
        lock (gate)
        {
            isSent = wanted.Length == 0;
            retryAt = null;
            isAwaySent = !isAway;
        }
    }

    /// <summary>Sends what has to be sent now; returns when the next is due, a timestamp, or null.</summary>
    public long? Pump(long now, FrameWriter frames, Func<byte[], bool> send)
    {
        lock (gate)
        {
            if (!isAwaySent)
            {
                isAwaySent = true;
                send(frames.Heartbeat(isAway));
            }
            if (isSent) return null;
            if (retryAt > now) return retryAt;
            (isSent, retryAt) = (true, null);
            send(frames.PresenceSubscribe(requestId!, wanted));
            return null;
        }
    }

    /// <summary>Takes what the server says; false when it says nothing new, or nothing that this device asked for.</summary>
    public bool Take(UserPresence presence)
    {
        lock (gate)
        {
            if (!wanted.Contains(presence.UserId, StringComparer.Ordinal)) return false;
            if (unanswered.Remove(presence.UserId) && unanswered.Count == 0) answered?.TrySetResult();
            var isNew = !known.TryGetValue(presence.UserId, out var before)
                || before.Status != presence.Status || before.LastActiveAt != presence.LastActiveAt || !before.Devices.SequenceEqual(presence.Devices, StringComparer.Ordinal);
            known[presence.UserId] = presence;
            return isNew;
        }
    }

    /// <summary>Whether an error answers our subscription.</summary>
    public bool IsOurs(string request)
    {
        lock (gate) return request == requestId;
    }

    /// <summary>The server refused the subscription, or part of it. False when the application has to be told: that some may not be viewed, who look offline.</summary>
    public bool Refuse(string code, string? message, TimeSpan retryAfter)
    {
        lock (gate)
        {
            switch (code)
            {
                case ErrorCodes.RateLimited or ErrorCodes.Busy or ErrorCodes.Retry:
                    isSent = false;
                    retryAt = time.GetTimestamp() + (long)(retryAfter.TotalSeconds * time.TimestampFrequency);
                    return true;
                case ErrorCodes.Forbidden:
                    return false;
                default:
                    answered?.TrySetException(new PresenceRefusedException(code, message));
                    return true;
            }
        }
    }

    /// <summary>Nothing is answered any more.</summary>
    public void Cancel()
    {
        lock (gate) answered?.TrySetCanceled();
    }
}
