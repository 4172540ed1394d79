using System.Collections.Concurrent;
using System.Globalization;
using Chat.Cells.Client;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.History.Recording;
using Chat.Cells.Load.Measure;

namespace Chat.Cells.Load.World;

/// <summary>The users, devices and channels of a run, made through the router as any client would.</summary>
public sealed class RunWorld : IAsyncDisposable
{
    private const string Password = "correct horse battery staple";
    private const int Parallel = 4;
    private readonly HttpClient http = ChatClient.NewHttpClient();
    private readonly Uri router;
    private readonly HistoryRecorder? recorder;
    private readonly ChatAccounts accounts;
    private readonly List<RunDevice> devices = [];
    private readonly ConcurrentQueue<string> refusals = new();

    private RunWorld(Uri router, DeliveryTracker tracker, HistoryRecorder? recorder)
    {
        this.router = router;
        Tracker = tracker;
        this.recorder = recorder;
        accounts = new ChatAccounts(http, router);
    }

    public DeliveryTracker Tracker { get; }

    public ChatAccounts Accounts => accounts;

    public IReadOnlyList<Member> Members { get; private set; } = [];

    public IReadOnlyList<Conversation> Conversations { get; private set; } = [];

    public IReadOnlyList<RunDevice> Devices => devices;

    /// <summary>What final refusals said.</summary>
    public IReadOnlyCollection<string> Refusals => refusals;

    /// <summary>Sends on the wire without an answer, over all devices.</summary>
    public int InFlight => devices.Sum(d => d.Client.InFlight);

    /// <summary>Makes it all, and waits until every device is live.</summary>
    public static async Task<RunWorld> CreateAsync(
        Uri router, WorldOptions options, Random random, DeliveryTracker tracker, HistoryRecorder? recorder, Progress progress, CancellationToken cancellationToken)
    {
        var world = new RunWorld(router, tracker, recorder);
        try
        {
            await world.MakeMembersAsync(options, progress, cancellationToken);
            foreach (var device in world.devices) device.Client.Start();
            await Task.WhenAll(world.devices.Select(d => d.Client.WaitUntilLiveAsync(cancellationToken)));
            await world.MakeChannelsAsync(options, random, progress, cancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends from a device and follows the message.</summary>
    /// <param name="meantAt">When it was meant to be sent, on the tracker's clock.</param>
    public void Send(Member sender, RunDevice device, Conversation channel, string content, long meantAt)
    {
        Tracker.Sending(content, sender, channel, meantAt);
        var send = device.Recorder is { } deviceRecorder
            ? deviceRecorder.Send(device.Client, channel.ChannelId, content)
            : device.Client.Send(channel.ChannelId, content);
        _ = FollowAsync(send);
    }

    private async Task FollowAsync(PendingSend send)
    {
        await Task.WhenAny(send.Outcome); // Cancelled when the run ends first.
        if (!send.Outcome.IsCompletedSuccessfully) return;
        var outcome = await send.Outcome;
        if (outcome.IsAccepted) return;
        refusals.Enqueue($"{outcome.ErrorCode}: {outcome.ErrorMessage}");
        Tracker.Answered(send.Content, accepted: false);
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(devices.Select(d => d.Client.DisposeAsync().AsTask()));
        http.Dispose();
    }

    private async Task MakeMembersAsync(WorldOptions options, Progress progress, CancellationToken cancellationToken)
    {
        var (_, cells) = await accounts.ListCellsAsync(cancellationToken);
        var regions = cells.Where(c => c.State == "Active").Select(c => c.Region).Distinct().Order().ToArray();
        if (regions.Length == 0) throw new LoadException($"{router} knows no active cell.");
        var prefix = "r" + DateTimeOffset.UtcNow.ToUnixTimeMilliseconds().ToString("x", CultureInfo.InvariantCulture);
        var members = new Member[options.Users];
        var made = 0;
        await System.Threading.Tasks.Parallel.ForAsync(
            0,
            options.Users,
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (i, token) =>
            {
                var region = regions[i % regions.Length];
                var name = string.Create(CultureInfo.InvariantCulture, $"{prefix}-{i}");
                var sessions = new List<Session> { await SignUpAsync(region, name, token) };
                var extra = (Every(options.SecondDeviceEvery, i) ? 1 : 0) + (Every(options.ThirdDeviceEvery, i) ? 1 : 0);
                for (var d = 0; d < extra; d++) sessions.Add(await accounts.LogInAsync(sessions[0].Handle, Password, new DeviceInfo($"device {d + 2}", "desktop"), token));
                var first = sessions[0];
                var runDevices = new List<RunDevice>();
                var member = new Member(i, first.UserId, first.Handle, first.UserId[..first.UserId.LastIndexOf('.')], region, runDevices);
                foreach (var session in sessions) runDevices.Add(NewDevice(session, member, options));
                members[i] = member;
                var count = Interlocked.Increment(ref made);
                if (count % 20 == 0 || count == options.Users) progress.Say($"{count} of {options.Users} users signed up");
            });
        Members = members;
        devices.AddRange(members.SelectMany(m => m.Devices));
    }

    private static bool Every(int n, int index) => n > 0 && index % n == n - 1;

    private async Task<Session> SignUpAsync(string region, string name, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            var handle = attempt == 0 ? name : $"{name}-{attempt}"; // A lost answer may have taken the name.
            try
            {
                return await accounts.SignUpAsync(region, handle, Password, name, new DeviceInfo("device 1", "phone"), cancellationToken);
            }
            catch (Exception e) when (attempt < 10 && e is HttpRequestException or TimeoutException or ChatApiException { RetryAfter: not null })
            {
                await Task.Delay((e as ChatApiException)?.RetryAfter ?? TimeSpan.FromSeconds(1), cancellationToken);
            }
        }
    }

    private RunDevice NewDevice(Session session, Member member, WorldOptions world)
    {
        var deviceRecorder = recorder is null ? null : new DeviceRecorder(recorder, session);
        var options = new ChatClientOptions
        {
            Endpoint = router,
            HttpClient = http,
            FrameTap = deviceRecorder is null ? null : new LimitTap(deviceRecorder, Tracker),
            MaxTimeline = 200_000,
            HistoryOnReset = 200_000,
            MaxOutbox = 20_000,
            Handler = (chatEvent, _) =>
            {
                deviceRecorder?.Handle(chatEvent);
                switch (chatEvent)
                {
                    case MessageReceived received:
                        Tracker.Seen(received.Message.Content, member, isSender: false);
                        break;
                    case SendAccepted accepted:
                        Tracker.Answered(accepted.Message.Content, accepted: true);
                        if (accepted.New) Tracker.Seen(accepted.Message.Content, member, isSender: true);
                        break;
                    default:
                        break;
                }
                return ValueTask.CompletedTask;
            },
        };
        return new RunDevice(new ChatClient(session, world.Client(options)), deviceRecorder);
    }

    private async Task MakeChannelsAsync(WorldOptions options, Random random, Progress progress, CancellationToken cancellationToken)
    {
        var plans = new List<(Member Creator, Member[] Others, bool Direct)>();
        var pairs = new HashSet<(int, int)>();
        foreach (var member in Members)
        {
            for (var k = 0; k < options.DirectPerUser; k++)
            {
                var within = k % 2 == 0;
                var candidates = Members.Where(m => m != member && (m.Cell == member.Cell) == within).ToArray();
                if (candidates.Length == 0) continue;
                var other = candidates[random.Next(candidates.Length)];
                var pair = (Math.Min(member.Index, other.Index), Math.Max(member.Index, other.Index));
                if (pairs.Add(pair)) plans.Add((member, [other], true));
            }
        }
        for (var g = 0; g < options.Groups; g++)
        {
            var creator = Members[random.Next(Members.Count)];
            var candidates = Members.Where(m => m != creator && (g % 2 == 0 || m.Cell == creator.Cell)).ToArray();
            random.Shuffle(candidates);
            plans.Add((creator, candidates.Take(options.GroupSize - 1).ToArray(), false));
        }
        var conversations = new Conversation[plans.Count];
        await System.Threading.Tasks.Parallel.ForAsync(
            0,
            plans.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (i, token) =>
            {
                var (creator, others, direct) = plans[i];
                var client = creator.Devices[0].Client;
                var channel = direct
                    ? await client.Api.CreateDirectAsync(others[0].UserId, token)
                    : await client.Api.CreateGroupAsync($"Group {i}", others.Select(o => o.UserId).ToArray(), token);
                conversations[i] = new Conversation(channel.ChannelId, [creator, .. others]);
                creator.Devices[0].Recorder?.Members(channel);
            });
        Conversations = conversations;
        foreach (var conversation in conversations)
        {
            foreach (var member in conversation.Members) member.Conversations.Add(conversation);
        }
        await WaitUntilKnownAsync(cancellationToken);
        progress.Say($"{conversations.Length} channels, {conversations.Count(c => c.CrossesCells)} of them across cells, {devices.Count} devices");
    }

    /// <summary>A channel of another cell comes by bridge: nobody sends to it before every member's device knows it.</summary>
    private async Task WaitUntilKnownAsync(CancellationToken cancellationToken)
    {
        foreach (var conversation in Conversations)
        {
            foreach (var client in conversation.Members.SelectMany(m => m.Devices).Select(d => d.Client))
            {
                var waited = 0;
                while (!client.Channels.Any(c => c.ChannelId == conversation.ChannelId))
                {
                    if ((waited += 20) > 60_000) throw new LoadException($"Channel {conversation.ChannelId} never came to a device of {client.UserId}.");
                    await Task.Delay(20, cancellationToken);
                }
            }
        }
    }
}
