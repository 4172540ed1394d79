namespace Chat.Cells.LocalCluster.ApiServer.Http;

/// <summary>One cause in the details of a Status: which field, what is wrong with it.</summary>
/// <param name="Reason">As in <c>FieldValueInvalid</c>.</param>
/// <param name="Field">The path of the field.</param>
/// <param name="Message">What is wrong, without the path.</param>
public sealed record Cause(string Reason, string Field, string Message);

/// <summary>An answer that is a <c>Status</c> of failure.</summary>
public sealed class ApiException : Exception
{
    /// <summary>Makes an error.</summary>
    public ApiException(int code, string reason, string message, JsonObject? details = null)
        : base(message)
    {
        Code = code;
        Reason = reason;
        Details = details;
    }

    /// <summary>The HTTP status code.</summary>
    public int Code { get; }

    /// <summary>The machine-readable reason, as in <c>NotFound</c>.</summary>
    public string Reason { get; }

    /// <summary>The details of the Status.</summary>
    public JsonObject? Details { get; }

    /// <summary>404 for an object.</summary>
    public static ApiException NotFound(string group, string plural, string name) => new(
        404, "NotFound", $"{Qualified(group, plural)} \"{name}\" not found", About(name, group, plural));

    /// <summary>404 for a path that nothing is served at.</summary>
    public static ApiException NoSuchResource() => new(404, "NotFound", "the server could not find the requested resource", new JsonObject());

    /// <summary>409 at a creation.</summary>
    public static ApiException AlreadyExists(string group, string plural, string name) => new(
        409, "AlreadyExists", $"{Qualified(group, plural)} \"{name}\" already exists", About(name, group, plural));

    /// <summary>409: the object is not what the caller took it for.</summary>
    public static ApiException Conflict(string group, string plural, string name, string why) => new(
        409, "Conflict", $"Operation cannot be fulfilled on {Qualified(group, plural)} \"{name}\": {why}", About(name, group, plural));

    /// <summary>The conflict of optimistic concurrency.</summary>
    public static ApiException Modified(string group, string plural, string name) =>
        Conflict(group, plural, name, "the object has been modified; please apply your changes to the latest version and try again");

    /// <summary>400.</summary>
    public static ApiException BadRequest(string message) => new(400, "BadRequest", message);

    /// <summary>403.</summary>
    public static ApiException Forbidden(string group, string plural, string name, string why) => new(
        403, "Forbidden", $"{Qualified(group, plural)} \"{name}\" is forbidden: {why}", About(name, group, plural));

    /// <summary>410: the version is out of the window.</summary>
    public static ApiException Expired(string message) => new(410, "Expired", message);

    /// <summary>405.</summary>
    public static ApiException MethodNotAllowed() => new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", new JsonObject());

    /// <summary>415.</summary>
    public static ApiException UnsupportedMediaType(params string[] supported) => new(
        415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: " + string.Join(", ", supported));

    /// <summary>501: a real cluster does this, this one does not, and says so instead of pretending.</summary>
    public static ApiException NotSupportedHere(string what) => new(501, "NotImplemented", $"{what}: not supported here (LocalCluster serves one machine; see docs/local-cluster.md)");

    /// <summary>422 with one cause per violation.</summary>
    public static ApiException Invalid(string group, string kind, string name, IReadOnlyList<Cause> causes)
    {
        var texts = causes.Select(c => c.Field.Length == 0 ? c.Message : $"{c.Field}: {c.Message}").ToList();
        var details = new JsonObject { ["name"] = name, ["group"] = group, ["kind"] = kind, ["causes"] = CauseArray(causes) };
        var subject = group.Length == 0 ? kind : $"{kind}.{group}";
        var all = texts.Count == 1 ? texts[0] : $"[{string.Join(", ", texts)}]";
        return new ApiException(422, "Invalid", $"{subject} \"{name}\" is invalid: {all}", details);
    }

    internal static JsonArray CauseArray(IEnumerable<Cause> causes) =>
        new([.. causes.Select(c => (JsonNode)new JsonObject { ["reason"] = c.Reason, ["message"] = c.Message, ["field"] = c.Field })]);

    /// <summary>The Status object of this error.</summary>
    public JsonObject ToStatus()
    {
        var status = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = Message,
            ["reason"] = Reason,
        };
        if (Details is not null)
        {
            status["details"] = Details.DeepClone();
        }

        status["code"] = Code;
        return status;
    }

    /// <summary>The Status object of success.</summary>
    public static JsonObject Success(string name, string group, string plural, string uid) => new()
    {
        ["kind"] = "Status",
        ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject(),
        ["status"] = "Success",
        ["details"] = new JsonObject { ["name"] = name, ["group"] = group, ["kind"] = plural, ["uid"] = uid },
    };

    private static string Qualified(string group, string plural) => group.Length == 0 ? plural : $"{plural}.{group}";

    private static JsonObject About(string name, string group, string plural)
    {
        var details = new JsonObject { ["name"] = name };
        if (group.Length > 0)
        {
            details["group"] = group;
        }

        details["kind"] = plural;
        return details;
    }
}
