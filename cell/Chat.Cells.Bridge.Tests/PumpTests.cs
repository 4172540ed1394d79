using System.Buffers;
using System.Net;
using System.Net.Http.Json;
using Chat.Cells.Protocol;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Bridge.Tests;

/// <summary>The pump between cells that are scripted.</summary>
public sealed class PumpTests : IDisposable
{
    private readonly string secrets = Directory.CreateTempSubdirectory("chat-cells-pump-").FullName;

    public PumpTests()
    {
        File.WriteAllText(Path.Combine(secrets, "source-token"), "s");
        File.WriteAllText(Path.Combine(secrets, "target-token"), "t");
    }

    [Fact]
    public async Task Run_SourceSendsGarbage_ReconnectsAndAppendsNothingOfIt()
    {
        var cells = new ScriptedCells(records: 5) { GarbageFirst = 2 };
        await RunUntilAsync(cells, () => cells.Appended.Count == 5);
        Assert.True(cells.Streams >= 3);
        Assert.Equal([0L, 1, 2, 3, 4], cells.Appended);
    }

    [Fact]
    public async Task Run_TargetIsDownForAWhile_LosesNothing()
    {
        var cells = new ScriptedCells(records: 2000) { FailAppends = 3 };
        await RunUntilAsync(cells, () => cells.Appended.Count == 2000);
        Assert.Equal(Enumerable.Range(0, 2000).Select(i => (long)i), cells.Appended);
        Assert.All(cells.BatchSizes, s => Assert.InRange(s, 1, BridgePump.MaxBatchRecords));
    }

    [Fact]
    public async Task Run_SomethingThrowsWhatNobodyThoughtOf_SaysSoAndGoesOn()
    {
        var cells = new ScriptedCells(records: 5) { FailOddly = 1 };
        using var logs = new CapturedLogs();
        await RunUntilAsync(cells, () => cells.Appended.Count == 5, logs);
        Assert.Contains("a to b failed in a way that it doesn't know", logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AppendedButTheAnswerWasLost_GoesOnFromTheTargetsPosition()
    {
        var cells = new ScriptedCells(records: 1200) { LoseAnswers = 2 };
        await RunUntilAsync(cells, () => cells.Appended.Count == 1200);
        Assert.Equal(Enumerable.Range(0, 1200).Select(i => (long)i), cells.Appended);
    }

    [Fact]
    public async Task Run_SourceNoLongerHasTheNext_GoesOnFromTheOldest()
    {
        var cells = new ScriptedCells(records: 10) { Oldest = 4 };
        await RunUntilAsync(cells, () => cells.Appended.Count == 6);
        Assert.Equal([4L, 5, 6, 7, 8, 9], cells.Appended);
    }

    [Fact]
    public async Task Run_SourceHasLessThanTheTarget_CopiesNothing()
    {
        var cells = new ScriptedCells(records: 3) { Conflict = true };
        await RunUntilAsync(cells, () => cells.Streams > 0);
        Assert.Empty(cells.Appended);
    }

    [Fact]
    public async Task Run_SourceHasMorePartitionsThanTheTarget_SaysSoAndCopiesNothing()
    {
        var cells = new ScriptedCells(records: 3) { Partitions = 32 };
        using var logs = new CapturedLogs();
        await RunUntilAsync(cells, () => logs.Text.Contains("The source has 32 bridge partitions, and the target 1", StringComparison.Ordinal), logs);
        Assert.Empty(cells.Appended);
    }

    [Theory]
    [InlineData("position", "The target did not say where it stands within 20 s.")]
    [InlineData("stream", "The source did not open its stream within 20 s.")]
    [InlineData("append", "The target did not append within 20 s.")]
    public async Task Run_ACellLeavesARequestUnanswered_SaysWhichAndAsksAgain(string request, string says)
    {
        var time = new FakeTime();
        var cells = new ScriptedCells(records: 5) { SilentOnce = request };
        using var logs = new CapturedLogs();
        await RunUntilAsync(
            cells,
            () =>
            {
                if (cells.IsSilent || logs.Text.Length > 0) time.Advance(TimeSpan.FromSeconds(1));
                return cells.Appended.Count == 5;
            },
            logs,
            time);
        Assert.Contains(says, logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ConnectedAfterAWhile_SaysWhichCellTookHowLong()
    {
        var time = new FakeTime();
        var cells = new ScriptedCells(records: 5) { BeforePosition = () => time.Advance(TimeSpan.FromMilliseconds(1_500)), BeforeStream = () => time.Advance(TimeSpan.FromMilliseconds(700)) };
        using var logs = new CapturedLogs();
        await RunUntilAsync(cells, () => cells.Appended.Count == 5, logs, time);
        Assert.Contains("the target said them after 1500 ms, and the source began 700 ms later", logs.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--source a --target b --source-url http://h:1 --target-url http://h:2 --secrets d --listen http://127.0.0.1:0", null)]
    [InlineData("--source a --target b --source-url http://h:1 --target-url http://h:2 --secrets d", "--listen is missing")]
    [InlineData("--source a --target b --source-url ftp://h:1 --target-url http://h:2 --secrets d --listen http://127.0.0.1:0", "--source-url")]
    [InlineData("--source a --target b --source-url http://h:1 --target-url http://h:2 --secrets d --listen http://somewhere:1", "--listen")]
    [InlineData("--colour blue", "no option")]
    [InlineData("source", "no option")]
    [InlineData("--source", "needs a value")]
    public void Options_Line_IsReadOrSaysWhatIsWrong(string line, string? error)
    {
        if (error is null)
        {
            Assert.Equal("b", BridgeOptions.Read(line.Split(' '), _ => null).Target);
            return;
        }
        var e = Assert.Throws<OptionsException>(() => BridgeOptions.Read(line.Split(' '), _ => null));
        Assert.Contains(error, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_Environment_FillsWhatTheLineLeavesOut()
    {
        var options = BridgeOptions.Read(
            ["--source", "a", "--target", "b", "--target-url", "http://h:2", "--secrets", "d", "--listen", "http://127.0.0.1:7"],
            name => name == "CHATCELLS_SOURCE_URL" ? "http://h:1" : null);
        Assert.Equal(new Uri("http://h:1"), options.SourceUrl);
    }

    public void Dispose() => Directory.Delete(secrets, recursive: true);

    private async Task RunUntilAsync(ScriptedCells cells, Func<bool> done, CapturedLogs? logs = null, TimeProvider? time = null)
    {
        using var loggers = LoggerFactory.Create(l =>
        {
            if (logs is not null) l.AddProvider(logs);
        });
        var options = new BridgeOptions("a", "b", new Uri("http://source:1"), new Uri("http://target:1"), secrets, new IPEndPoint(IPAddress.Loopback, 0));
        await using var pump = new BridgePump(options, time ?? TimeProvider.System, loggers.CreateLogger<BridgePump>(), cells);
        using var stop = new CancellationTokenSource();
        var running = pump.RunAsync(stop.Token);
        await Poll.UntilAsync(done, "the pump gets there");
        await stop.CancelAsync();
        await running;
    }

    /// <summary>A source with one partition of records, and a target that keeps the offsets it was given.</summary>
    private sealed class ScriptedCells(int records) : HttpMessageHandler
    {
        public int GarbageFirst { get; set; }

        public int FailAppends { get; set; }

        public int FailOddly { get; set; }

        public int LoseAnswers { get; set; }

        public long Oldest { get; init; }

        public bool Conflict { get; init; }

        /// <summary>What the source has; the target has one.</summary>
        public int Partitions { get; init; } = 1;

        /// <summary>The first such request is never answered: <c>position</c>, <c>stream</c> or <c>append</c>.</summary>
        public string? SilentOnce { get; set; }

        /// <summary>One waits for an answer that doesn't come.</summary>
        public bool IsSilent { get; private set; }

        public Action BeforePosition { get; init; } = () => { };

        public Action BeforeStream { get; init; } = () => { };

        public int Streams { get; private set; }

        public List<long> Appended { get; } = [];

        public List<int> BatchSizes { get; } = [];

        private long Next => Appended.Count == 0 ? 0 : Appended[^1] + 1;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal(request.RequestUri!.Host == "source" ? "s" : "t", request.Headers.Authorization!.Parameter);
            var isPosition = request.RequestUri.AbsolutePath == "/internal/v1/bridges/a/position";
            await AnswerAsync(isPosition ? "position" : request.Method == HttpMethod.Get ? "stream" : "append", cancellationToken);
            if (isPosition)
            {
                BeforePosition();
                return Json(new { next = new[] { Next } });
            }
            if (request.Method == HttpMethod.Get) return Stream(long.Parse(request.RequestUri.Query["?from=".Length..]));
            return Append(await request.Content!.ReadAsByteArrayAsync(cancellationToken));
        }

        private async Task AnswerAsync(string request, CancellationToken cancellationToken)
        {
            if (SilentOnce != request) return;
            SilentOnce = null;
            IsSilent = true;
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }
            finally
            {
                IsSilent = false;
            }
        }

        private HttpResponseMessage Stream(long from)
        {
            Streams++;
            BeforeStream();
            if (FailOddly-- > 0) throw new InvalidOperationException("Nobody thought of this.");
            if (Conflict) return new HttpResponseMessage(HttpStatusCode.Conflict);
            if (Partitions != 1) return Json(new { oldest = new long[Partitions] }, HttpStatusCode.BadRequest);
            if (from < Oldest) return Json(new { oldest = new[] { Oldest } }, HttpStatusCode.Gone);
            var body = new ArrayBufferWriter<byte>();
            if (GarbageFirst-- > 0) body.Write("HTTP is not what this is"u8);
            else for (var i = from; i < records; i++) BridgeFrame.Write(body, new BridgeFrame(0, i, 1, "k"u8.ToArray(), new byte[300]));
            return new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(body.WrittenMemory.ToArray()) };
        }

        private HttpResponseMessage Append(byte[] body)
        {
            if (FailAppends-- > 0) return new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);
            var frames = new List<BridgeFrame>();
            var rest = new ReadOnlySequence<byte>(body);
            while (BridgeFrame.TryRead(ref rest, out var frame)) frames.Add(frame);
            BatchSizes.Add(frames.Count);
            Appended.AddRange(frames.Select(f => f.Offset));
            if (LoseAnswers-- > 0) throw new HttpRequestException("The connection broke.");
            return Json(new { next = new[] { Next }, appended = frames.Count, repeated = 0, refused = 0 });
        }

        private static HttpResponseMessage Json<T>(T body, HttpStatusCode status = HttpStatusCode.OK) => new(status) { Content = JsonContent.Create(body) };
    }
}
