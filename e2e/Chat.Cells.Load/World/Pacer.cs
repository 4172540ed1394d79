namespace Chat.Cells.Load.World;

/// <summary>
/// Sends at fixed instants, whatever the server does (an open loop): a stall does not slow the senders, and what it delayed counts from when it was meant to be sent.
/// Users speak in turn, so that nobody runs into the rate limit while others are silent.
/// </summary>
public sealed class Pacer
{
    private readonly RunWorld world;
    private readonly Random random;
    private readonly Member[] turns;
    private readonly Dictionary<Member, int> sent;
    private int turn;
    private int number;

    /// <param name="world">Who speaks where.</param>
    /// <param name="random">Who, where, what.</param>
    public Pacer(RunWorld world, Random random)
    {
        this.world = world;
        this.random = random;
        turns = world.Members.Where(m => m.Conversations.Count > 0).ToArray();
        random.Shuffle(turns);
        sent = turns.ToDictionary(m => m, _ => 0);
    }

    /// <summary>Messages sent so far.</summary>
    public int Sent => number;

    /// <summary>Sends a number of messages at a rate.</summary>
    /// <param name="messages">How many.</param>
    /// <param name="perSecond">The rate.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task SendAsync(int messages, double perSecond, TimeProvider time, CancellationToken cancellationToken)
    {
        var begin = world.Tracker.Now;
        var between = 1_000_000 / perSecond;
        for (var i = 0; i < messages; i++)
        {
            var due = begin + (long)(i * between);
            var ahead = due - world.Tracker.Now;
            if (ahead > 1_000) await Task.Delay(TimeSpan.FromMicroseconds(ahead), time, cancellationToken);
            SendOne(due);
        }
    }

    /// <summary>
    /// Sends messages at once: from many devices, and enough of them from one device to one channel. Its user is one of those who have sent least: who was loud twice would run into
    /// the rate limit, one message a second, and whatever is measured then would be that.
    /// </summary>
    public void Burst(int messages, int intoOneChannel)
    {
        var now = world.Tracker.Now;
        var least = sent.Values.Min();
        var quiet = turns.Where(m => sent[m] == least).ToArray();
        var loud = quiet[random.Next(quiet.Length)];
        var channel = loud.Conversations[random.Next(loud.Conversations.Count)];
        for (var i = 0; i < intoOneChannel; i++) Send(loud, loud.Devices[0], channel, now);
        for (var i = intoOneChannel; i < messages; i++) SendOne(now);
    }

    private void SendOne(long meantAt)
    {
        var member = turns[turn++ % turns.Length];
        Send(member, member.Devices[random.Next(member.Devices.Count)], member.Conversations[random.Next(member.Conversations.Count)], meantAt);
    }

    private void Send(Member member, RunDevice device, Conversation channel, long meantAt)
    {
        // Some messages are long, so that all ways of storing them are gone through.
        var length = random.Next(100) switch
        {
            0 => 6_000,
            < 10 => 600,
            _ => 60,
        };
        sent[member]++;
        var content = $"message {++number} of {member.Handle} ".PadRight(length, '.');
        world.Send(member, device, channel, content, meantAt);
    }
}
