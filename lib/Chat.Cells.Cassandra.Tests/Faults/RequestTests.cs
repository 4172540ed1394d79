using System.Collections.Concurrent;
using Cassandra.Protocol;

namespace Cassandra.Tests.Faults;

public sealed class RequestTests : FaultTest
{
    [Theory]
    [InlineData(0x0000, typeof(InternalServerErrorException))]
    [InlineData(0x000A, typeof(ProtocolErrorException))]
    [InlineData(0x0100, typeof(AuthenticationException))]
    [InlineData(0x1000, typeof(UnavailableException))]
    [InlineData(0x1001, typeof(OverloadedException))]
    [InlineData(0x1002, typeof(IsBootstrappingException))]
    [InlineData(0x1003, typeof(TruncateException))]
    [InlineData(0x1100, typeof(WriteTimeoutException))]
    [InlineData(0x1200, typeof(ReadTimeoutException))]
    [InlineData(0x1300, typeof(ReadFailureException))]
    [InlineData(0x1400, typeof(FunctionFailureException))]
    [InlineData(0x1500, typeof(WriteFailureException))]
    [InlineData(0x1600, typeof(CdcWriteFailureException))]
    [InlineData(0x1700, typeof(CasWriteUnknownException))]
    [InlineData(0x2000, typeof(SyntaxErrorException))]
    [InlineData(0x2100, typeof(UnauthorizedException))]
    [InlineData(0x2200, typeof(InvalidQueryException))]
    [InlineData(0x2300, typeof(InvalidConfigurationInQueryException))]
    [InlineData(0x2400, typeof(AlreadyExistsException))]
    [InlineData(0x2500, typeof(UnpreparedException))]
    public void ServerError_EachCode_IsItsOwnExceptionInTheCoordinatorsWords(int code, Type expected)
    {
        // Zeros stand for whatever follows the message: consistency, counts, empty names.
        var body = Reply.Error(code, "the coordinator's words", w => w.Bytes(new byte[24])).Body;

        var e = ServerErrors.Read(new BodyReader(body));

        Assert.IsType(expected, e);
        Assert.Equal("the coordinator's words", e.Message);
    }

    [Fact]
    public async Task Execute_Unavailable_SaysHowManyWereAlive()
    {
        await using var server = NewServer();
        server.OnStatement = _ => Task.FromResult(Reply.Unavailable());
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        var unavailable = await Assert.ThrowsAsync<UnavailableException>(() => session.ExecuteAsync(new SimpleStatement("SELECT 1")));

        Assert.Equal((ConsistencyLevel.LocalQuorum, 2, 1), (unavailable.Consistency, unavailable.RequiredReplicas, unavailable.AliveReplicas));
        Assert.Contains("Cannot achieve consistency level", unavailable.Message);
    }

    [Fact]
    public async Task Execute_ManyInFlight_AnsweredBackwards_EachGetsItsOwn()
    {
        await using var server = NewServer();
        var waiting = new ConcurrentBag<(int Value, TaskCompletionSource Go)>();
        server.OnStatement = async request =>
        {
            var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.Add((IntOf(request.Values[0]), go));
            await go.Task;
            return EchoRow(request);
        };
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);

        var answers = Enumerable.Range(0, 500).Select(i => session.ExecuteAsync(prepared.Bind(i))).ToList();
        await Poll.UntilAsync(() => waiting.Count == 500);
        foreach (var (_, go) in waiting.OrderByDescending(w => w.Value)) go.SetResult();

        for (var i = 0; i < answers.Count; i++) Assert.Equal(i, (await answers[i])[0].GetValue<int>("b"));
        Assert.Equal(500, server.Received.Select(r => r.Stream).Distinct().Count());
    }

    [Fact]
    public async Task Execute_TimedOutThenAnsweredLate_StreamIsUsedAgainOnlyAfterwards()
    {
        await using var server = NewServer();
        var late = new TaskCompletionSource();
        server.OnStatement = async request =>
        {
            if (IntOf(request.Values[0]) < 0) await late.Task;
            return EchoRow(request);
        };
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);

        await Assert.ThrowsAsync<OperationTimedOutException>(() => session.ExecuteAsync(prepared.Bind(-1).SetTimeout(TimeSpan.FromMilliseconds(100))));
        await Poll.UntilAsync(() => !server.Received.IsEmpty);
        var held = server.Received.Single().Stream;
        await EchoManyAsync(session, prepared, 2_500);
        Assert.Equal(1, server.Received.Count(r => r.Stream == held));

        late.SetResult();
        await EchoManyAsync(session, prepared, 5_000);
        Assert.NotEqual(1, server.Received.Count(r => r.Stream == held));
        Assert.Equal(2, server.Accepted);
    }

    [Fact]
    public async Task Execute_Cancelled_StopsWaiting()
    {
        await using var server = NewServer();
        server.OnStatement = _ => Task.FromResult(Reply.Silence);
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        using var cancel = new CancellationTokenSource();

        var waiting = session.ExecuteAsync(new SimpleStatement("SELECT 1"), cancel.Token);
        await Poll.UntilAsync(() => !server.Received.IsEmpty);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Execute_HostForgotTheStatement_IsPreparedAgain(byte version)
    {
        await using var server = NewServer(version);
        server.OnStatement = Echo;
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);
        server.Forget();

        Assert.Equal(7, (await session.ExecuteAsync(prepared.Bind(7)))[0].GetValue<int>("b"));
        Assert.Equal(2, server.Prepares);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Batch_HostForgotItsStatements_AllArePreparedAgainAndSentOnce(byte version)
    {
        await using var server = NewServer(version);
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        var insert = await session.PrepareAsync(Insert);
        var select = await session.PrepareAsync(Select);
        server.Forget();

        await session.ExecuteAsync(new BatchStatement().Add(insert.Bind(1, 2)).Add(insert.Bind(3, Unset.Value)).Add(select.Bind(1)).SetBatchType(BatchType.Unlogged));

        Assert.Equal(4, server.Prepares);
        var batch = Assert.Single(server.Received);
        Assert.Equal((3, ConsistencyLevel.LocalQuorum), (batch.Statements, batch.Consistency));
        Assert.NotNull(batch.Timestamp);
    }

    [Fact]
    public async Task Prepare_ManyAtOnce_IsDoneOnce_AndAFailureIsNotKept()
    {
        await using var server = NewServer();
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => session.PrepareAsync(Select)));
        Assert.Equal(1, server.Prepares);

        var e = await Assert.ThrowsAsync<SyntaxErrorException>(() => session.PrepareAsync("SELEKT"));
        Assert.Contains("SELEKT", e.Message);
        server.Statements["SELEKT"] = new Prepared([], [], []);
        Assert.Empty((await session.PrepareAsync("SELEKT")).Variables);
    }

    [Fact]
    public async Task Pages_AreFetchedOneAfterTheOther()
    {
        await using var server = NewServer();
        server.OnStatement = request =>
        {
            var page = request.PagingState is { } state ? state[0] : (byte)0;
            return Task.FromResult(Reply.Rows([B], [[page * 2], [(page * 2) + 1]], page < 2 ? [(byte)(page + 1)] : null, request.SkipMetadata));
        };
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        var page = await session.ExecuteAsync((await session.PrepareAsync(Select)).Bind(1).SetPageSize(2).SetConsistencyLevel(ConsistencyLevel.One));
        var values = page.Select(r => r.GetValue<int>("b")).ToList();
        while (!page.IsFullyFetched)
        {
            page = await page.FetchNextPageAsync(CancellationToken.None);
            values.AddRange(page.Select(r => r.GetValue<int>("b")));
        }

        Assert.Equal(Enumerable.Range(0, 6), values);
        Assert.All(server.Received, r => Assert.Equal((2, ConsistencyLevel.One, 1), (r.PageSize, r.Consistency, IntOf(r.Values[0]))));
        await Assert.ThrowsAsync<InvalidOperationException>(() => page.FetchNextPageAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Execute_ColumnsChangedMeanwhile_AreReadByTheNewOnes()
    {
        await using var server = NewServer();
        var added = new CqlColumn("k", "t", "c", Int);
        server.OnStatement = request => Task.FromResult(
            request.ResultMetadataId is [9] ? Reply.Rows([B, added], [[1, 2]], noMetadata: request.SkipMetadata) : Reply.Rows([B, added], [[1, 2]], newMetadataId: [9]));
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);

        for (var i = 0; i < 2; i++) Assert.Equal(2, (await session.ExecuteAsync(prepared.Bind(1)))[0].GetValue<int>("c"));

        Assert.Equal([1, 9], server.Received.Select(r => (int)r.ResultMetadataId![0]));
        Assert.All(server.Received, r => Assert.True(r.SkipMetadata));
    }

    [Fact]
    public async Task Execute_Version4_AsksForTheColumnsEachTime()
    {
        await using var server = NewServer(4);
        server.OnStatement = Echo;
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        await session.ExecuteAsync((await session.PrepareAsync(Select)).Bind(1));

        Assert.False(Assert.Single(server.Received).SkipMetadata);
    }

    [Fact]
    public async Task Execute_TimestampsOfClient_GrowUnlessGiven()
    {
        await using var server = NewServer();
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        for (var i = 0; i < 5; i++) await session.ExecuteAsync(new SimpleStatement("A"));
        await session.ExecuteAsync(new SimpleStatement("B").SetTimestamp(12));

        var stamps = server.Received.Where(r => r.Cql == "A").Select(r => r.Timestamp!.Value).ToList();
        Assert.Equal(stamps.Distinct().Order(), stamps);
        Assert.Equal(12, server.Received.Single(r => r.Cql == "B").Timestamp);
    }

    [Fact]
    public async Task Bind_WrongValues_AreRefusedBeforeAnythingIsSent()
    {
        await using var server = NewServer();
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Insert);

        Assert.Contains("2 values", Assert.Throws<InvalidTypeException>(() => prepared.Bind(1)).Message);
        Assert.Contains("'b'", Assert.Throws<InvalidTypeException>(() => prepared.Bind(1, "two")).Message);
        Assert.Empty(server.Received);
    }

    private static async Task EchoManyAsync(ISession session, PreparedStatement prepared, int count)
    {
        for (var i = 0; i < count; i += 100) await Task.WhenAll(Enumerable.Range(i, 100).Select(n => session.ExecuteAsync(prepared.Bind(n))));
    }
}
