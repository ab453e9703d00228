{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE ScopedTypeVariables #-}
-- | From the three functions of the contract to the tasks of a plugin. Only what @wrun plugin build@ generates
-- uses it.
module WRun.Border (borderDescribe, borderRequires, borderRun, Bytes, Length, Handle, Code) where

import Control.Exception
import qualified Data.ByteString as B
import Data.List (find)
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import Foreign
import Foreign.C
import GHC.IO.Encoding (setFileSystemEncoding, setForeignEncoding, setLocaleEncoding, utf8)
import System.Exit (ExitCode (..))
import System.IO (hFlush, hSetEncoding, stderr, stdout)
import WRun.Host
import WRun.Json (Value, parse)
import WRun.Params
import WRun.Requires hiding (call)
import WRun.Task
import WRun.World (message)

-- | How long a text is, in bytes.
type Length = Word32

-- | 0, or the call failed.
type Code = Int32

foreign import ccall unsafe "wrun_hs_plugin" cPlugin :: Bytes -> Bytes -> Bytes -> IO ()
foreign import ccall unsafe "wrun_hs_task" cTask :: Bytes -> Bytes -> Bytes -> Int32 -> Word32 -> IO ()
foreign import ccall unsafe "wrun_hs_limits" cLimits :: CDouble -> CDouble -> CDouble -> CDouble -> CDouble -> IO ()
foreign import ccall unsafe "wrun_hs_param" cParam :: Bytes -> Bytes -> Bytes -> Bytes -> Int32 -> Int32 -> IO ()
foreign import ccall unsafe "wrun_hs_output" cOutput :: Bytes -> Int32 -> IO ()
foreign import ccall unsafe "exit" cExit :: CInt -> IO ()
foreign import ccall unsafe "wrun_hs_die" cDie :: Bytes -> IO ()

-- | Fills the table of tasks.
borderDescribe :: Plugin -> IO ()
borderDescribe it = do
  mapM_ ($ utf8) [setLocaleEncoding, setFileSystemEncoding, setForeignEncoding]
  mapM_ (`hSetEncoding` utf8) [stdout, stderr]
  done <- try (describe it)
  case done of
    Right () -> pure ()
    Left (error' :: SomeException) -> withText (filter (/= '\0') (displayException error')) cDie

describe :: Plugin -> IO ()
describe it = do
  withText (pluginId it) $ \i -> withText (pluginDoc it) $ \d -> withText (maybe "" id (defaultGoal it)) (cPlugin i d)
  mapM_ (\(AnyTask one) -> describeTask one) (tasks it)

describeTask :: Task p i -> IO ()
describeTask it = do
  let flags = (if dynamic it then 1 else 0) .|. (if nativeNan it then 2 else 0)
      Limits memory cpu bytes made logged = limits it
      cap = maybe 0 fromInteger
  withText (name it) $ \n -> withText (doc it) $ \d -> withText (maybe "" id (version it)) $ \v ->
    cTask n d v flags (fromIntegral (retries it))
  cLimits (cap memory) (cap cpu) (cap bytes) (cap made) (cap logged)
  mapM_ describeParam (specs (params it))
  mapM_ describeOutput (outputs it)

describeParam :: ParamSpec -> IO ()
describeParam spec =
  withText (specName spec) $ \n -> withText (specDoc spec) $ \d -> withText (specKind spec) $ \k ->
    withText (maybe "" id (specDefault spec)) $ \j -> cParam n d k j flags (fromIntegral (fromEnum (specVisibility spec)))
  where flags = (if specSignificant spec then 0 else 1) .|. (if specPositional spec then 2 else 0)

describeOutput :: Output -> IO ()
describeOutput (File it) = withText it (`cOutput` 0)
describeOutput (Directory it) = withText it (`cOutput` 1)

-- | Adds what a call requires to its plan, and the container that does the work.
borderRequires :: Plugin -> Bytes -> Length -> Bytes -> Length -> Handle -> IO Code
borderRequires it named length' json size plan = called it named length' json size $ \(AnyTask one) given -> do
  found <- orThrow (readParams (params one) given)
  let wanted = requires one found
  mapM_ (addInput plan) (sources wanted)
  mapM_ (addContainer plan) (containerOf wanted)

-- | Runs a call.
borderRun :: Plugin -> Bytes -> Length -> Bytes -> Length -> IO Code
borderRun it named length' json size = called it named length' json size $ \(AnyTask one) given -> do
  found <- orThrow (readParams (params one) given)
  let wanted = requires one found
      named' (Required n source) = maybe (nameless source) id n
      nameless (FromTask known _) = T.unpack (callTask known)
      nameless _ = ""
  run one found (inputs wanted (map named' (sources wanted)))

orThrow :: Either String a -> IO a
orThrow = either (ioError . userError) pure

-- | An exception is a failure, with its message.
called :: Plugin -> Bytes -> Length -> Bytes -> Length -> (AnyTask -> Value -> IO ()) -> IO Code
called it named length' json size act = do
  result <- try $ do
    wanted <- textAt named length'
    given <- textAt json size >>= orThrow . parse
    case find (\(AnyTask one) -> name one == wanted) (tasks it) of
      Nothing -> ioError (userError ("there is no task `" ++ wanted ++ "` in this plugin"))
      Just found -> act found given
    hFlush stdout
    hFlush stderr
  case result of
    Right () -> pure 0
    Left error' -> do
      _ <- try (hFlush stdout) :: IO (Either SomeException ())
      case fromException error' of
        Just ExitSuccess -> cExit 0
        Just (ExitFailure code) -> cExit (fromIntegral code)
        Nothing -> pure ()
      -- The message may be a value that was never computed, and fail itself.
      shown <- try (evaluate (let m = message error' in length m `seq` m))
      failWith (either (\(again :: SomeException) -> "an exception whose message fails: " ++ takeWhile (/= '\n') (show again)) id shown)

textAt :: Bytes -> Length -> IO String
textAt at size = T.unpack . T.decodeUtf8 <$> B.packCStringLen (at, fromIntegral size)
