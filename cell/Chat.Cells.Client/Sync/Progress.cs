namespace Chat.Cells.Client.Sync;

/// <summary>
/// How far the device is in the inbox. While history is loaded after a <c>sync_reset</c> the cursor stands still: a client that dies in between starts the reload
/// again instead of missing what it had not loaded.
/// </summary>
internal sealed class Progress
{
    private readonly Lock gate = new();
    private string? cursor;
    private string? shown;
    private string? held;
    private bool reloading;
    private string? unsaved;

    /// <summary>What the next <c>sync</c> says.</summary>
    public string? Cursor
    {
        get
        {
            lock (gate) return cursor;
        }
    }

    /// <summary>How far into the inbox the application was told: what goes with a read. Ahead of <see cref="Cursor"/> while an event is being taken in.</summary>
    public string? Shown
    {
        get
        {
            lock (gate) return shown;
        }
    }

    public void Load(string? stored)
    {
        lock (gate) cursor = shown = stored;
    }

    /// <summary>The event at this cursor is about to be told.</summary>
    public void Show(string? at)
    {
        lock (gate) shown = at ?? shown;
    }

    /// <summary>A connection begins: a reload that did not finish is forgotten.</summary>
    public void Restart()
    {
        lock (gate)
        {
            reloading = false;
            held = null;
        }
    }

    /// <summary>Everything at or below this is taken in.</summary>
    public void Advance(string to)
    {
        lock (gate)
        {
            shown = to;
            if (reloading) held = to;
            else cursor = unsaved = to;
        }
    }

    public void BeginReload(string resetTo)
    {
        lock (gate)
        {
            reloading = true;
            held = shown = resetTo;
        }
    }

    public void EndReload()
    {
        lock (gate)
        {
            if (!reloading) return;
            reloading = false;
            cursor = unsaved = held;
            held = null;
        }
    }

    /// <summary>The cursor that is to be saved and told to the server; null when nothing is new since the last call.</summary>
    public string? TakeUnsaved()
    {
        lock (gate)
        {
            var taken = unsaved;
            unsaved = null;
            return taken;
        }
    }

    public bool HasUnsaved
    {
        get
        {
            lock (gate) return unsaved is not null;
        }
    }
}
