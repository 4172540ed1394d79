namespace Chat.Cells.Bench.Measure;

/// <summary>What came back to the generator.</summary>
internal sealed class Traffic
{
    private const int Remembered = 1 << 20;
    private readonly long[] meantAt = new long[Remembered];

    // Of each message a bit for each member of its room that has it: members have consecutive indexes, at most so many as there are bits.
    private readonly ulong[] receivers = new ulong[Remembered];
    private long first;
    private long next;

    /// <summary>The most members of a room whose deliveries can be told apart.</summary>
    public const int MostMembers = 64;

    /// <summary>From the moment that a message was meant to be sent until a member other than its sender had it.</summary>
    public Histogram Delivery { get; } = new();

    /// <summary>From the moment that a message was meant to be sent until its ack.</summary>
    public Histogram Ack { get; } = new();

    /// <summary>How late the generator itself was.</summary>
    public Histogram Lateness { get; } = new();

    public long Sent { get; private set; }
    public long Acked { get; private set; }

    /// <summary>Messages at members other than their senders, each at each member once.</summary>
    public long Delivered { get; private set; }

    /// <summary>Messages that came to a member who had them, those of phases before included.</summary>
    public long Doubled { get; private set; }

    public long Errors { get; private set; }

    /// <summary>Sockets that broke or were refused.</summary>
    public long Lost { get; private set; }

    /// <summary>The first error's or refusal's words.</summary>
    public string? FirstError { get; private set; }

    public void CountSent(long number, long meant, long now)
    {
        Sent++;
        next = number + 1;
        meantAt[number & (Remembered - 1)] = meant;
        receivers[number & (Remembered - 1)] = 0;
        Lateness.Add((now - meant) / 1_000);
    }

    public void CountAck(long number, long now)
    {
        Acked++;
        Ack.Add((now - meantAt[number & (Remembered - 1)]) / 1_000);
    }

    /// <summary>A message has come to a member other than its sender. One of a phase before is no delivery of this one.</summary>
    /// <param name="number">The message's.</param>
    /// <param name="receiver">The index of the member's connection.</param>
    public void CountDelivered(long number, int receiver, long meant, long now)
    {
        ref var had = ref receivers[number & (Remembered - 1)];
        var bit = 1UL << (receiver & (MostMembers - 1));
        if ((had & bit) != 0)
        {
            Doubled++;
            FirstError ??= "a message came to a member twice";
            return;
        }
        had |= bit;
        if (number < first) return;
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
        (Sent, Acked, Delivered, Doubled, Errors, Lost, FirstError) = (0, 0, 0, 0, 0, 0, null);
        first = next;
    }
}
