namespace Chat.Cells.Cell.Presence;

/// <summary>What one socket views and types; made when it first does either.</summary>
internal sealed class SocketLive(TimeProvider time)
{
    /// <summary>How often at most what is refused is looked at again because of a channel that changed; what changes meanwhile waits for the tick.</summary>
    private static readonly TimeSpan AgainInterval = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private HashSet<string> view = [];
    private List<string> refused = [];
    private Subscription? wanted;
    private long checkedAt = time.GetTimestamp();
    private long? againAt;
    private bool hasNews;
    private bool isRunning;
    private bool isClosed;

    public TypingGate Typing { get; } = new();

    /// <summary>What is to be viewed from now on, in place of what was asked for before. True for the caller that must start to work on it.</summary>
    public bool Want(Subscription subscription)
    {
        lock (gate)
        {
            if (isClosed) return false;
            wanted = subscription;
            if (isRunning) return false;
            isRunning = true;
            return true;
        }
    }

    /// <summary>
    /// Asks for the present view again, the refused of it too, if it was checked so long ago, or some were refused and a channel has changed since. True for the caller that must start to work on it;
    /// false when there is none, or work is under way.
    /// </summary>
    public bool WantAgain(TimeSpan olderThan)
    {
        lock (gate)
        {
            return !isRunning && ((hasNews && refused.Count > 0) || time.GetElapsedTime(checkedAt) >= olderThan) && TryWantAgain();
        }
    }

    /// <summary>The user was just sent that a channel of theirs has changed: who was refused may share it. True for the caller that must start to work on it.</summary>
    public bool ChannelChanged()
    {
        lock (gate)
        {
            if (isClosed || (!isRunning && refused.Count == 0)) return false;
            hasNews = true;
            return !isRunning && IsAgainDue && TryWantAgain();
        }
    }

    /// <summary>The next subscription to work on; null when there is none, and the work is done.</summary>
    public Subscription? Take()
    {
        lock (gate)
        {
            // A channel that changed while its members were looked up may have come too late for that.
            if (wanted is null && !isClosed && hasNews && IsAgainDue) PutAgain();
            var next = wanted;
            wanted = null;
            if (next is null || isClosed)
            {
                isRunning = false;
                return null;
            }
            return next;
        }
    }

    /// <summary>Replaces the view and returns who isn't in it any more and who is new in it; null once closed.</summary>
    public (List<string> Left, List<string> Entered)? Replace(HashSet<string> next, List<string> nextRefused)
    {
        lock (gate)
        {
            if (isClosed) return null;
            var left = view.Where(u => !next.Contains(u)).ToList();
            var entered = next.Where(u => !view.Contains(u)).ToList();
            (view, refused, checkedAt) = (next, nextRefused, time.GetTimestamp());
            return (left, entered);
        }
    }

    /// <summary>The socket has ended: returns whom it viewed. Nothing is viewed after this but what is being added right now, which its adder takes back.</summary>
    public IReadOnlyCollection<string> Close()
    {
        lock (gate)
        {
            isClosed = true;
            return view;
        }
    }

    private bool IsAgainDue => refused.Count > 0 && (againAt is not { } at || time.GetElapsedTime(at) >= AgainInterval);

    private bool TryWantAgain()
    {
        if (isClosed || view.Count + refused.Count == 0) return false;
        PutAgain();
        isRunning = true;
        return true;
    }

    private void PutAgain()
    {
        hasNews = false;
        againAt = time.GetTimestamp();
        wanted = new Subscription([.. view, .. refused], null, IsRepeat: true);
    }

    public bool IsClosed
    {
        get
        {
            lock (gate) return isClosed;
        }
    }
}

/// <param name="IsRepeat">Nobody asked: the view is checked again.</param>
internal sealed record Subscription(List<string> UserIds, string? RequestId, bool IsRepeat = false);
