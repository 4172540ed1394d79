namespace Cassandra.Protocol;

/// <summary>Decodes ERROR bodies (specification, section 9).</summary>
internal static class ServerErrors
{
    public static ServerErrorException Read(BodyReader reader)
    {
        var code = reader.Int();
        var message = reader.String();
        switch (code)
        {
            case 0x0000:
                return new InternalServerErrorException(message);
            case 0x000A:
                return new ProtocolErrorException(message);
            case 0x0100:
                return new AuthenticationException(message);
            case 0x1000:
                return new UnavailableException(message, (ConsistencyLevel)reader.Short(), reader.Int(), reader.Int());
            case 0x1001:
                return new OverloadedException(message);
            case 0x1002:
                return new IsBootstrappingException(message);
            case 0x1003:
                return new TruncateException(message);
            case 0x1100:
                return new WriteTimeoutException(message, (ConsistencyLevel)reader.Short(), reader.Int(), reader.Int(), reader.String());
            case 0x1200:
                return new ReadTimeoutException(message, (ConsistencyLevel)reader.Short(), reader.Int(), reader.Int(), reader.Byte() != 0);
            case 0x1300:
                return new ReadFailureException(message, (ConsistencyLevel)reader.Short(), reader.Int(), reader.Int());
            case 0x1400:
                return new FunctionFailureException(message);
            case 0x1500:
                return new WriteFailureException(message, (ConsistencyLevel)reader.Short(), reader.Int(), reader.Int());
            case 0x1600:
                return new CdcWriteFailureException(message);
            case 0x1700:
                return new CasWriteUnknownException(message);
            case 0x2000:
                return new SyntaxErrorException(message);
            case 0x2100:
                return new UnauthorizedException(message);
            case 0x2200:
                return new InvalidQueryException(message);
            case 0x2300:
                return new InvalidConfigurationInQueryException(message);
            case 0x2400:
                return new AlreadyExistsException(message, reader.String(), reader.String());
            case 0x2500:
                return new UnpreparedException(message, reader.ShortBytes());
            default:
                return new ServerErrorException($"{message} (code 0x{code:X4})");
        }
    }
}
