namespace Chat.Cells.Cell.Presence;

/// <summary>What one socket views and types; made when it first does either.</summary>
internal sealed class SocketLive
{
    private readonly Lock gate = new();
    private HashSet<string> view = [];
    private Subscription? wanted;
    private bool isRunning;
    private bool isClosed;

    public TypingGate Typing { get; } = new();

    /// <summary>When the view was last checked against who may view whom; a timestamp.</summary>
    public long CheckedAt { get; set; }

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

    /// <summary>Asks for the present view again. True for the caller that must start to work on it; false when there is none, or work is under way.</summary>
    public bool WantAgain()
    {
        lock (gate)
        {
            if (isClosed || isRunning || view.Count == 0) return false;
            wanted = new Subscription([.. view], null, IsRepeat: true);
            isRunning = true;
            return true;
        }
    }

    /// <summary>The next subscription to work on; null when there is none, and the work is done.</summary>
    public Subscription? Take()
    {
        lock (gate)
        {
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

    /// <summary>Replaces the view and returns who isn't in it any more; null once closed.</summary>
    public List<string>? Replace(HashSet<string> next)
    {
        lock (gate)
        {
            if (isClosed) return null;
            var left = view.Where(u => !next.Contains(u)).ToList();
            view = next;
            return left;
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
