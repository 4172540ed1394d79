using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Objects;

/// <summary>What a list asks for.</summary>
public sealed record ListQuery(Selector Labels, FieldSelector Fields, long Limit, string Continue, string ResourceVersion, string Match);

/// <summary>One page of a list.</summary>
/// <param name="Stored">The objects as they are stored.</param>
/// <param name="Target">What was asked for.</param>
/// <param name="Metadata">The metadata of the list.</param>
public sealed record ListPage(IReadOnlyList<StoredObject> Stored, Target Target, JsonObject Metadata)
{
    /// <summary>The objects in the version of the request.</summary>
    public IEnumerable<JsonObject> Objects => Stored.Select(o => ObjectWriter.In(o.Parse(), Target));

    /// <summary>The list as JSON. Objects that are stored in the version of the request are copied as they are.</summary>
    public byte[] ToJson()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("kind", Target.Kind.ListKind);
            writer.WriteString("apiVersion", Target.ApiVersion);
            writer.WritePropertyName("metadata");
            Metadata.WriteTo(writer, JsonText.Options);
            writer.WriteStartArray("items");
            foreach (var stored in Stored)
            {
                if (ObjectWriter.IsShownAsStored(stored, Target))
                {
                    writer.WriteRawValue(stored.Json, skipInputValidation: true);
                }
                else
                {
                    ObjectWriter.In(stored.Parse(), Target).WriteTo(writer, JsonText.Options);
                }
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }
}

/// <summary>Reads single objects and lists.</summary>
public sealed class ObjectReader(ObjectStore store)
{
    /// <summary>One object in the version of the request.</summary>
    public JsonObject Get(Target target, string? resourceVersion)
    {
        var snapshot = store.Read();
        CheckNotFuture(resourceVersion, snapshot.Version);
        var found = snapshot.Objects.Get(target.Key) ?? throw target.NotFound();
        return ObjectWriter.In(found.Parse(), target);
    }

    /// <summary>A page of a list. All pages of one list are of one version.</summary>
    /// <exception cref="ApiException">410: the version of a continued list is out of the window.</exception>
    public ListPage List(Target target, ListQuery query)
    {
        var snapshot = store.Read();
        CheckNotFuture(query.ResourceVersion, snapshot.Version);
        var version = snapshot.Version;
        ObjectKey? after = null;
        var objects = snapshot.Objects;
        if (query.Continue.Length > 0)
        {
            (version, after) = ReadContinue(query.Continue, target);
            objects = store.Changes.Rewind(snapshot, version) ?? throw ApiException.Expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.");
        }
        else if (query.Match == "Exact" && long.TryParse(query.ResourceVersion, out version))
        {
            objects = store.Changes.Rewind(snapshot, version) ?? throw ApiException.Expired($"The resourceVersion for the provided list is too old.");
        }

        IEnumerable<StoredObject> all = target.Name.Length > 0 || query.Fields.Name is not null && (target.Namespace.Length > 0 || !target.Kind.Namespaced)
            ? objects.Get(target.Kind.Key(target.Namespace, query.Fields.Name ?? target.Name)) is { } one ? [one] : []
            : objects.List(target.Kind.Resource, target.Kind.Namespaced ? target.Namespace : "");
        var matching = all.Where(o => (after is null || o.Key.CompareTo(after.Value) > 0) && query.Labels.Matches(o.Labels) && query.Fields.Matches(o));
        var metadata = new JsonObject { ["resourceVersion"] = version.ToString() };
        if (query.Limit <= 0)
        {
            return new ListPage([.. matching], target, metadata);
        }

        var rest = matching.ToList();
        var page = rest.Take((int)Math.Min(query.Limit, int.MaxValue)).ToList();
        if (rest.Count > page.Count)
        {
            metadata["continue"] = WriteContinue(version, page[^1].Key);
            if (query.Labels.IsEmpty && query.Fields.IsEmpty)
            {
                metadata["remainingItemCount"] = rest.Count - page.Count;
            }
        }

        return new ListPage(page, target, metadata);
    }

    /// <summary>Refuses a version that this server has not reached.</summary>
    public static void CheckNotFuture(string? wanted, long current)
    {
        if (string.IsNullOrEmpty(wanted))
        {
            return;
        }

        if (!long.TryParse(wanted, out var version) || version < 0)
        {
            throw ApiException.BadRequest($"resourceVersion: Invalid value: \"{wanted}\": strconv.ParseUint: parsing \"{wanted}\": invalid syntax");
        }

        if (version > current)
        {
            throw new ApiException(
                504,
                "Timeout",
                $"Timeout: Too large resource version: {version}, current: {current}",
                new JsonObject
                {
                    ["causes"] = ApiException.CauseArray([new Cause("ResourceVersionTooLarge", "", "Too large resource version")]),
                    ["retryAfterSeconds"] = 1,
                });
        }
    }

    private static string WriteContinue(long version, ObjectKey last) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"{version}\n{last.Namespace}\n{last.Name}"));

    private static (long Version, ObjectKey After) ReadContinue(string token, Target target)
    {
        var bytes = new byte[token.Length];
        if (Convert.TryFromBase64String(token, bytes, out var length)
            && Encoding.UTF8.GetString(bytes, 0, length).Split('\n') is [var version, var ns, var name]
            && long.TryParse(version, out var number))
        {
            return (number, new ObjectKey(target.Kind.Resource, ns, name));
        }

        throw ApiException.BadRequest("continue key is not valid");
    }
}
