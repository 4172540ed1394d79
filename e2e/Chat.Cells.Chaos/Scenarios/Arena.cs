using System.Globalization;
using Chat.Cells.Client.Connections;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Client.Presence;
using Chat.Cells.History.Checking;
using Chat.Cells.History.Recording;
using Chat.Cells.Load.Measure;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>People who chat through a router while faults strike, all of it recorded; and the question whether what was held up came through.</summary>
public sealed class Arena : IAsyncDisposable
{
    private static readonly TimeSpan OpenBound = TimeSpan.FromSeconds(90);
    private readonly string recording;
    private readonly HistoryRecorder recorder;
    private readonly TextWriter progress;
    private readonly RunWorld world;
    private readonly Strangers strangers;
    private readonly Pacer pacer;
    private readonly Random random;
    private readonly List<Task> aside = [];
    private int renames;

    private Arena(string recording, HistoryRecorder recorder, TextWriter progress, RunWorld world, Uri router, Random random)
    {
        strangers = new Strangers(router, world.Accounts, Tell);
        this.recording = recording;
        this.recorder = recorder;
        this.progress = progress;
        this.world = world;
        this.random = random;
        pacer = new Pacer(world, random);
    }

    /// <summary>The longest recovery so far.</summary>
    public TimeSpan Recovery { get; private set; }

    /// <summary>How many faults struck so far.</summary>
    public int Faults { get; private set; }

    /// <summary>Signs everybody up through a router; all devices are live after it.</summary>
    public static async Task<Arena> OpenAsync(
        ScenarioContext context, string name, Uri router, WorldOptions people, CancellationToken cancellationToken)
    {
        var file = Path.Combine(context.Folder, "recording.jsonl");
        var history = HistoryRecorder.ToFile(file);
        var log = new StreamWriter(Path.Combine(context.Folder, "world.log"));
        history.Write(new RunStarted(0, name, context.Seed, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()));
        var choices = context.NewRandom(name + " world");
        try
        {
            var tracker = new DeliveryTracker(TimeProvider.System) { Measuring = false };
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            bound.CancelAfter(OpenBound);
            var made = await RunWorld.CreateAsync(router, people, choices, tracker, history, new Progress(name, log, TimeProvider.System), bound.Token);
            return new Arena(file, history, log, made, router, choices);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            history.Dispose();
            await log.DisposeAsync();
            throw new ProductFailedException($"{OpenBound.TotalSeconds} s were not enough for {people.Users} users to sign up and go live", OpenBound);
        }
        catch
        {
            history.Dispose();
            await log.DisposeAsync();
            throw;
        }
    }

    /// <summary>Everybody says something, one of them several things at once; now and then somebody renames a group.</summary>
    public void Talk(int messages)
    {
        pacer.Burst(messages, Math.Min(4, messages));
        if (random.Next(2) == 0) aside.Add(RenameAsync());
    }

    /// <summary>Talks in parts, spread over a time.</summary>
    public async Task TalkOnAsync(TimeSpan time, int parts, int messages, CancellationToken cancellationToken)
    {
        for (var part = 0; part < parts; part++)
        {
            Talk(messages);
            await Task.Delay(time / parts, cancellationToken);
        }
    }

    /// <summary>
    /// Makes happen what talking alone seldom does: somebody renames a group, all devices of a user lose their connections, and newcomers begin
    /// conversations and go away again.
    /// </summary>
    public void Stir()
    {
        aside.Add(RenameAsync());
        var unlucky = world.Members[random.Next(world.Members.Count)];
        foreach (var device in unlucky.Devices) device.Client.DropConnection();
        aside.Add(strangers.TryAsync("reading receipts", () => unlucky.Devices[0].Client.Api.GetReceiptsAsync(unlucky.Conversations[0].ChannelId, CancellationToken.None)));
        foreach (var region in world.Members.Select(m => m.Region).Distinct())
        {
            var other = world.Members[random.Next(world.Members.Count)];
            aside.Add(strangers.PassByAsync(FormattableString.Invariant($"s{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds():x}-{aside.Count}"), region, other.UserId));
        }
    }

    /// <summary>Every device wants to know of everybody, in both cells, whether they are there.</summary>
    /// <exception cref="ProductFailedException">It is refused.</exception>
    public async Task WatchEverybodyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(world.Devices.Select(d => d.Client.SubscribePresenceAsync([.. world.Members.Select(m => m.UserId)], cancellationToken)));
        }
        catch (PresenceRefusedException e)
        {
            throw new ProductFailedException($"presence was refused: {e.Message}");
        }
    }

    /// <summary>Says for the recording what is done.</summary>
    public void Note(string text)
    {
        Faults++;
        recorder.Write(new Note(recorder.Now, text));
    }

    /// <summary>What is not through yet; give it to <see cref="RecoverAsync(IReadOnlySet{string}, long, TimeSpan, CancellationToken)"/>.</summary>
    public IReadOnlySet<string> OpenNow() => world.Tracker.OpenNow();

    /// <summary>Waits until all that was open is acked and shown everywhere, and every device is live; returns how long it took from <paramref name="since"/>.</summary>
    /// <exception cref="ProductFailedException">It is not within the bound.</exception>
    public async Task<TimeSpan> RecoverAsync(IReadOnlySet<string> open, long since, TimeSpan bound, CancellationToken cancellationToken)
    {
        while (!world.Tracker.AreDone(open) || world.Devices.Any(d => d.Client.State != ConnectionState.Live))
        {
            var elapsed = TimeProvider.System.GetElapsedTime(since);
            if (elapsed > bound)
            {
                var notLive = world.Devices.Count(d => d.Client.State != ConnectionState.Live);
                throw new ProductFailedException(string.Create(
                    CultureInfo.InvariantCulture, $"{bound.TotalSeconds:F0} s after the fault {world.Tracker.Open} messages are not everywhere and {notLive} of {world.Devices.Count} devices are not live"), elapsed);
            }
            await Task.Delay(5, cancellationToken);
        }
        var recovery = TimeProvider.System.GetElapsedTime(since);
        if (recovery > Recovery) Recovery = recovery;
        return recovery;
    }

    /// <summary>The same for all that is open now, from now on.</summary>
    /// <exception cref="ProductFailedException">It is not within the bound.</exception>
    public Task<TimeSpan> RecoverAsync(TimeSpan bound, CancellationToken cancellationToken) => RecoverAsync(OpenNow(), TimeProvider.System.GetTimestamp(), bound, cancellationToken);

    /// <summary>The same from now on, for what a fault held up; says how much that was, and how long it took.</summary>
    /// <exception cref="ProductFailedException">It is not within the bound.</exception>
    public async Task RecoverAsync(ScenarioContext context, string fault, IReadOnlySet<string> open, TimeSpan bound, CancellationToken cancellationToken)
    {
        var recovery = await RecoverAsync(open, TimeProvider.System.GetTimestamp(), bound, cancellationToken);
        context.Say(FormattableString.Invariant($"{fault}: {open.Count} held up, recovery {recovery.TotalSeconds:F2} s"));
    }

    /// <summary>Waits until a last round of messages is everywhere, then has the history checked.</summary>
    /// <exception cref="ProductFailedException">Something is not everywhere within the bound, or was refused.</exception>
    public async Task<Findings> FinishAsync(TimeSpan quiet, TimeSpan bound, CancellationToken cancellationToken)
    {
        Talk(20);
        await RecoverAsync(bound, cancellationToken);
        await Task.WhenAll(aside);
        // What must not come twice has had time to do so.
        await Task.Delay(quiet, cancellationToken);
        foreach (var device in world.Devices) device.Recorder!.WriteFinal(device.Client);
        foreach (var (channel, reader) in world.Conversations.SelectMany(c => c.Members.DistinctBy(m => m.Cell).Select(m => (c, m))))
        {
            await reader.Devices[0].Recorder!.WriteHistoryAsync(reader.Devices[0].Client, channel.ChannelId, cancellationToken);
        }
        return new Findings(Check(), Faults, Recovery);
    }

    /// <summary>Has what is recorded so far checked.</summary>
    public CheckReport Check()
    {
        recorder.Flush();
        return HistoryChecker.Check(HistoryRecorder.Read(recording));
    }

    public async ValueTask DisposeAsync()
    {
        await world.DisposeAsync();
        await Task.WhenAll(aside);
        recorder.Dispose();
        await progress.DisposeAsync();
    }

    private void Tell(string what) => recorder.Write(new Note(recorder.Now, what));

    private Task RenameAsync()
    {
        var groups = world.Conversations.Where(c => c.Members.Count > 2).ToArray();
        if (groups.Length == 0) return Task.CompletedTask;
        var group = groups[random.Next(groups.Length)];
        return strangers.TryAsync(
            $"renaming {group.ChannelId}", () => group.Members[0].Devices[0].Client.Api.RenameAsync(group.ChannelId, $"Renamed {++renames}", CancellationToken.None));
    }
}
