using System.Diagnostics;
using System.Globalization;
using System.Text;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Topology;

namespace Chat.Cells.Bench.SocketFree;

/// <summary>
/// The other ceiling, in a process of its own: the cell's log, judge, store and delivery without a socket. Records go straight into the log, a window of them at a time; a message
/// is done when its inbox rows are durable and its hint is published. Prints <c>workload deliveries seconds cpuSeconds</c>, a line for each.
/// </summary>
internal static class SocketFreeRun
{
    private const string Server = "bench-0";
    private const int Users = 500;
    private static readonly byte[] Content = Encoding.ASCII.GetBytes(new string('x', 100));

    public static async Task<int> RunAsync(string folder, int seconds, CancellationToken cancellationToken)
    {
        var options = new CellOptions
        {
            Cell = "bench-1",
            Number = 1,
            Region = "bench",
            Roles = ["fanout", "delivery"],
            DataDirectory = Path.Combine(folder, "data"),
            SecretsDirectory = Path.Combine(folder, "secrets"),
            GenerateSecrets = true,
            Public = new Uri("http://127.0.0.1:0"),
            Internal = new Uri("http://127.0.0.1:0"),
        };
        await using var cell = await CellHost.StartAsync(options, cancellationToken: cancellationToken);
        var run = new Driver(cell, [.. Enumerable.Range(0, Users).Select(_ => UserId.Create(options.Cell, Ulid.NewUlid()))]);
        await run.RegisterAsync(cancellationToken);
        foreach (var (name, members) in new[] { ("direct", 2), ("group50", 50) })
        {
            await run.MakeChannelsAsync(members, cancellationToken);
            await run.SendAsync(members, TimeSpan.FromSeconds(3), cancellationToken);
            var (deliveries, took, cpu) = await run.SendAsync(members, TimeSpan.FromSeconds(seconds), cancellationToken);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"RESULT {name} {deliveries} {took:F3} {cpu:F3}"));
        }
        return 0;
    }

    private sealed class Driver(CellHost cell, string[] users)
    {
        private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
        private readonly IMessageLog log = (IMessageLog)cell.Services.GetService(typeof(IMessageLog))!;
        private readonly ICellState state = (ICellState)cell.Services.GetService(typeof(ICellState))!;
        private readonly Topics topics = (Topics)cell.Services.GetService(typeof(Topics))!;
        private readonly SemaphoreSlim moved = new(0);
        private string[] channels = [];
        private long rows;
        private long number;

        public async Task RegisterAsync(CancellationToken cancellationToken)
        {
            await state.RegisterAsync(Server, users, TimeSpan.FromHours(1), cancellationToken);
            await state.SubscribeAsync(Server, Receive, cancellationToken);
        }

        public async Task MakeChannelsAsync(int members, CancellationToken cancellationToken)
        {
            var type = members == 2 ? ChannelType.Direct : ChannelType.Group;
            channels = new string[users.Length / members];
            var before = Interlocked.Read(ref rows);
            for (var i = 0; i < channels.Length; i++)
            {
                var those = users.AsSpan(i * members, members);
                var origin = Origin(those[0]);
                channels[i] = type == ChannelType.Direct ? ChannelId.ForDirect(those[0], those[1]) : ChannelId.ForGroup("bench-1", those[0], origin.RequestId);
                var command = new CommandRecord(channels[i], origin, ChannelCommand.Create, type, type == ChannelType.Group ? "room" : null, those[1..].ToArray(), MemberRole.Member, null);
                await AppendAsync(command, type, cancellationToken);
            }
            await WaitAsync(before + users.Length, cancellationToken);
        }

        public async Task<(long Deliveries, double Seconds, double Cpu)> SendAsync(int members, TimeSpan time, CancellationToken cancellationToken)
        {
            var type = members == 2 ? ChannelType.Direct : ChannelType.Group;
            var window = members == 2 ? 1_024 : 128;
            var (before, sent) = (Interlocked.Read(ref rows), 0L);
            using var process = Process.GetCurrentProcess();
            var cpu = process.TotalProcessorTime;
            var start = Clock.Now;
            while (Clock.Now - start < (long)time.TotalNanoseconds)
            {
                if (sent - ((Interlocked.Read(ref rows) - before) / members) >= window)
                {
                    await moved.WaitAsync(Bound, cancellationToken);
                    continue;
                }
                var channel = (int)(sent % channels.Length);
                var sender = users[(channel * members) + (int)(sent / channels.Length % members)];
                sent++;
                _ = AppendAsync(new SendRecord(channels[channel], Origin(sender), "text", Content, null, null, null, 0), type, cancellationToken);
            }
            await WaitAsync(before + (sent * members), cancellationToken);
            process.Refresh();
            // As for sockets: the sender's own row is work, but no delivery.
            return (sent * (members - 1), (Clock.Now - start) / (double)Clock.Second, (process.TotalProcessorTime - cpu).TotalSeconds);
        }

        private RequestOrigin Origin(string user) => new(Server, user, "device", (++number).ToString("x16", CultureInfo.InvariantCulture));

        private async Task AppendAsync(ChannelRecord record, ChannelType type, CancellationToken cancellationToken)
        {
            var key = Encoding.UTF8.GetBytes(record.ChannelId);
            var partition = KeyPartitioner.PartitionFor(key, type == ChannelType.Direct ? topics.Direct : topics.Group);
            await log.AppendAsync(new TopicPartition(Topics.ForChannel(type), partition), key, ChannelRecord.Encode(record), cancellationToken);
        }

        private async Task WaitAsync(long until, CancellationToken cancellationToken)
        {
            while (Interlocked.Read(ref rows) < until)
            {
                if (!await moved.WaitAsync(Bound, cancellationToken)) throw new BenchException($"Nothing moved for {Bound.TotalSeconds} s.");
            }
        }

        private void Receive(ReadOnlyMemory<byte> message)
        {
            if (ServerMessage.Decode(message) is not Hint hint) return;
            Interlocked.Add(ref rows, hint.Users.Count);
            if (moved.CurrentCount == 0) moved.Release();
        }
    }
}
