using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>The administrative calls on a real cluster.</summary>
internal sealed class KafkaTopicAdmin : ITopicAdmin
{
    private readonly KafkaOptions _options;
    private IAdminClient _admin;
    private string? _lastError;

    public KafkaTopicAdmin(KafkaOptions options)
    {
        _options = options;
        _admin = Build();
    }

    public async Task<IReadOnlyDictionary<string, FoundTopic>> FindAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken)
    {
        if (topics.Count == 0) return new Dictionary<string, FoundTopic>();
        var described = await CallAsync(
            async admin =>
            {
                try
                {
                    var result = await admin.DescribeTopicsAsync(TopicCollection.OfTopicNames(topics), new DescribeTopicsOptions { RequestTimeout = _options.RequestTimeout })
                        .WaitAsync(_options.RequestTimeout * 2, cancellationToken);
                    return result.TopicDescriptions;
                }
                catch (DescribeTopicsException e) when (e.Results.TopicDescriptions is { Count: > 0 } some)
                {
                    // Thrown when one of them isn't there; each says for itself.
                    return some;
                }
            },
            "topics");
        var found = new Dictionary<string, FoundTopic>();
        foreach (var topic in described)
        {
            if (topic.Error.Code is ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic) continue;
            if (topic.Error.IsError) throw new LogException($"Kafka did not show topic '{topic.Name}': {topic.Error.Reason}");
            found[topic.Name] = new FoundTopic(topic.Partitions.Count, topic.Partitions.Min(p => p.Replicas.Count), topic.TopicId.ToString());
        }
        return found;
    }

    public async Task<int> CountBrokersAsync(CancellationToken cancellationToken)
    {
        var cluster = await CallAsync(
            admin => admin.DescribeClusterAsync(new DescribeClusterOptions { RequestTimeout = _options.RequestTimeout }).WaitAsync(_options.RequestTimeout * 2, cancellationToken), "brokers");
        return cluster.Nodes.Count;
    }

    public async Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> FindSettingsAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken)
    {
        if (topics.Count == 0) return new Dictionary<string, IReadOnlyDictionary<string, string>>();
        var resources = topics.Select(t => new ConfigResource { Type = ResourceType.Topic, Name = t });
        var results = await CallAsync(
            admin => admin.DescribeConfigsAsync(resources, new DescribeConfigsOptions { RequestTimeout = _options.RequestTimeout }).WaitAsync(_options.RequestTimeout * 2, cancellationToken),
            "topic settings");
        return results.ToDictionary(
            r => r.ConfigResource.Name, r => (IReadOnlyDictionary<string, string>)r.Entries.ToDictionary(e => e.Key, e => e.Value.Value));
    }

    public async Task CreateAsync(IReadOnlyList<TopicSpecification> topics, CancellationToken cancellationToken)
    {
        try
        {
            await CallAsync(
                async admin =>
                {
                    await admin.CreateTopicsAsync(topics, new CreateTopicsOptions { RequestTimeout = _options.RequestTimeout, OperationTimeout = _options.RequestTimeout })
                        .WaitAsync(_options.RequestTimeout * 2, cancellationToken);
                    return true;
                },
                "creating topics");
        }
        catch (LogException e) when (e.InnerException is CreateTopicsException refused)
        {
            // Another pod that starts at the same time may have been first.
            var failed = refused.Results.Where(r => r.Error.IsError && r.Error.Code != ErrorCode.TopicAlreadyExists).ToList();
            if (failed.Count > 0) throw new LogException($"Kafka refused to create topics: {string.Join("; ", failed.Select(r => $"{r.Topic}: {r.Error.Reason}"))}", e);
        }
    }

    public Task ConfigureAsync(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> changes, CancellationToken cancellationToken)
    {
        var configs = changes.ToDictionary(
            c => new ConfigResource { Type = ResourceType.Topic, Name = c.Key },
            c => c.Value.Select(s => new ConfigEntry { Name = s.Key, Value = s.Value, IncrementalOperation = AlterConfigOpType.Set }).ToList());
        return CallAsync(
            async admin =>
            {
                await admin.IncrementalAlterConfigsAsync(configs, new IncrementalAlterConfigsOptions { RequestTimeout = _options.RequestTimeout })
                    .WaitAsync(_options.RequestTimeout * 2, cancellationToken);
                return true;
            },
            "changing topic settings");
    }

    public async Task<IReadOnlySet<string>> FindNamedMembersAsync(string group, CancellationToken cancellationToken)
    {
        var described = await CallAsync(
            async admin =>
            {
                try
                {
                    var result = await admin.DescribeConsumerGroupsAsync([group], new DescribeConsumerGroupsOptions { RequestTimeout = _options.RequestTimeout })
                        .WaitAsync(_options.RequestTimeout * 2, cancellationToken);
                    return result.ConsumerGroupDescriptions;
                }
                catch (DescribeConsumerGroupsException e) when (e.Results.ConsumerGroupDescriptions is { Count: > 0 } some)
                {
                    // Thrown when a group isn't there, which says so for itself.
                    return some;
                }
            },
            "members");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var found in described)
        {
            if (found.Error.Code == ErrorCode.GroupIdNotFound) continue;
            if (found.Error.IsError) throw new LogException($"Kafka did not show group '{group}': {found.Error.Reason}");
            names.UnionWith(found.Members.Select(member => member.GroupInstanceId).Where(name => !string.IsNullOrEmpty(name)));
        }
        return names;
    }

    /// <summary>A call only says that it took too long; why (a refused password, a certificate) is said by an error beside it.</summary>
    private IAdminClient Build() =>
        new AdminClientBuilder(_options.Client("chat-cells-admin")).SetLogHandler((_, _) => { }).SetErrorHandler((_, error) => Remember(error)).Build();

    /// <summary>That all brokers are down follows from the error before, which says why.</summary>
    private void Remember(Error error)
    {
        if (error.Code != ErrorCode.Local_AllBrokersDown || _lastError is null) _lastError = error.Reason;
    }

    private async Task<T> CallAsync<T>(Func<IAdminClient, Task<T>> call, string what)
    {
        var admin = Volatile.Read(ref _admin);
        try
        {
            return await call(admin);
        }
        catch (CreateTopicsException e)
        {
            throw new LogException("Kafka refused to create topics.", e);
        }
        catch (Exception e) when (e is KafkaException or TimeoutException)
        {
            if (e is TimeoutException or KafkaException { Error.Code: ErrorCode.Local_TimedOut }) Replace(admin);
            throw new LogUnavailableException($"Kafka at {_options.BootstrapServers} did not answer ({what}): {e.Message}{(_lastError is { } why ? $" (last: {why})" : "")}", e);
        }
    }

    /// <summary>Calls that begin now use a client with the settings as they are now.</summary>
    public void Renew() => Replace(Volatile.Read(ref _admin));

    /// <summary>
    /// A client whose controller left the cluster waits for that one until its next refresh of the metadata, minutes later, although the controller is another by then or
    /// has come back; a new one asks the brokers that it is given.
    /// </summary>
    private void Replace(IAdminClient admin)
    {
        var next = Build();
        if (Interlocked.CompareExchange(ref _admin, next, admin) == admin) _ = DisposeLaterAsync(admin, _options.RequestTimeout * 2);
        else next.Dispose();
    }

    /// <summary>Others may be in the middle of a call; the longest takes this long.</summary>
    private static async Task DisposeLaterAsync(IAdminClient admin, TimeSpan longestCall)
    {
        await Task.Delay(longestCall);
        admin.Dispose();
    }

    public void Dispose() => _admin.Dispose();
}
