namespace Chat.Cells.Bench.Measure;

/// <summary>What came back to the generator.</summary>
internal sealed class Traffic
{
    private const int Remembered = 1 << 20;
    private readonly long[] meantAt = new long[Remembered];

    /// <summary>From the moment that a message was meant to be sent until a member other than its sender had it.</summary>
    public Histogram Delivery { get; } = new();

    /// <summary>From the moment that a message was meant to be sent until its ack.</summary>
    public Histogram Ack { get; } = new();

    /// <summary>How late the generator itself was.</summary>
    public Histogram Lateness { get; } = new();

    public long Sent { get; private set; }
    public long Acked { get; private set; }

    /// <summary>Messages at members other than their senders.</summary>
    public long Delivered { get; private set; }

    public long Errors { get; private set; }

    /// <summary>Sockets that broke or were refused.</summary>
    public long Lost { get; private set; }

    /// <summary>The first error's or refusal's words.</summary>
    public string? FirstError { get; private set; }

    public void CountSent(long number, long meant, long now)
    {
        Sent++;
        meantAt[number & (Remembered - 1)] = meant;
        Lateness.Add((now - meant) / 1_000);
    }

    public void CountAck(long number, long now)
    {
        Acked++;
        Ack.Add((now - meantAt[number & (Remembered - 1)]) / 1_000);
    }

    public void CountDelivered(long meant, long now)
    {
        Delivered++;
        Delivery.Add((now - meant) / 1_000);
    }

    public void CountError(string text)
    {
        Errors++;
        FirstError ??= text;
    }

    public void CountLost(string text)
    {
        Lost++;
        FirstError ??= text;
    }

    /// <summary>Forgets all, for the next phase.</summary>
    public void Clear()
    {
        Delivery.Clear();
        Ack.Clear();
        Lateness.Clear();
        (Sent, Acked, Delivered, Errors, Lost, FirstError) = (0, 0, 0, 0, 0, null);
    }
}
