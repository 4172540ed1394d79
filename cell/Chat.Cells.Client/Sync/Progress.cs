namespace Chat.Cells.Client.Sync;

/// <summary>
/// How far the device is in the inbox. While history is loaded after a <c>sync_reset</c> the cursor stands still: a client that dies in between starts the reload
/// again instead of missing what it had not loaded.
/// </summary>
internal sealed class Progress
{
    private readonly Lock gate = new();
    private string? cursor;
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

    public void Load(string? stored)
    {
        lock (gate) cursor = stored;
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
            if (reloading) held = to;
            else cursor = unsaved = to;
        }
    }

    public void BeginReload(string resetTo)
    {
        lock (gate)
        {
            reloading = true;
            held = resetTo;
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
